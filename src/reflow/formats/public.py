"""The public names of messages and of what turns arrays into them: `tf.train.Example`, `tf.GraphDef`."""

from reflow.lang.export import export_value

_PROTOS = "reflow.formats.protos"
_CODEC = "reflow.formats.tensor_codec"

export_value(_CODEC, "make_tensor_proto", "make_tensor_proto")
export_value(_CODEC, "make_ndarray", "make_ndarray")

for _name in [
    *("AttrValue", "ConfigProto", "Event", "GPUOptions", "GraphDef", "GraphOptions"),
    *("HistogramProto", "LogMessage", "MetaGraphDef", "NameAttrList", "NodeDef"),
    *("OptimizerOptions", "RunMetadata", "RunOptions", "SessionLog", "Summary"),
    *("SummaryMetadata", "TensorInfo"),
]:
    export_value(_PROTOS, _name, v1=[_name])

for _name in ["Event", "SessionLog", "Summary", "SummaryDescription", "TaggedRunMetadata"]:
    export_value(_PROTOS, _name, v1=[f"summary.{_name}"])

for _name in [
    *("BytesList", "FloatList", "Int64List", "Feature", "Features", "FeatureList"),
    *("FeatureLists", "Example", "SequenceExample", "ClusterDef", "JobDef", "ServerDef"),
]:
    export_value(_PROTOS, _name, f"train.{_name}")
export_value(_PROTOS, "SaverDef", v1=["train.SaverDef"])
