"""Native kernels for the CPU: arrays in, arrays out; nothing here knows of graphs.

A lowering asks for a kernel of the shapes that it has. It gets a callable for both array namespaces, or
None, where XLA's own code is as good, where the kernels cannot do it, or where they are not there: they are
built with the package if a compiler is at hand (`tools/build_kernels.py`), and everything works without
them. `REFLOW_KERNELS=xla` leaves them out, `native` takes them wherever they can do it; `auto`, the default,
takes them where they were measured to be better (docs/decisions.md).
"""
