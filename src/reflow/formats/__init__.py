"""The files and wires of TensorFlow: messages, tensors, graphs, checkpoints, records, events."""
