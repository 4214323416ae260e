"""The files and wires of TensorFlow: messages, tensors, graphs, records, events.

Messages: `protos` holds them in a pool of their own; `tensor_codec`, `attr_value`, `op_defs` and `structure_coder` turn
tensors, attributes, signatures and type specs into them and back; `public` gives them their public names.

Graphs: `graphdef` writes them, `graphdef_import` reads them, `freezing` and `graph_util` change them. TF 1's control flow
(its ops: `v1_control_flow`) becomes functions on the way in, while nodes are still raw (`raw_graph`, `region`,
`node_builder`): `raise_control_flow` calls `raise_loops`, `raise_branches` (`branch_order`) and `raise_lists`
(`list_rules`); `lower_branches` is the one way back.

Files: `tfrecord` with `crc32c`, and `events` in them.
"""
