"""What runs programs: the eager tensor, sessions, the state that outlives a run, devices.

Eager execution: `eager`, and `eager_compile` for large arrays; `dlpack`. Sessions: `session`, `fetches` with
`composite_fetches`, `run_state`. Functions: `function` finds or makes a trace by the types of arguments
(`function_type`, `signature_text`), `concrete_function` is one, `function_call` calls it, `retracing` warns of too
many; `wrap_function`. All of them keep their state in a `store`.

Devices and switches: `devices`, `config`, `xla`. Looking on: `watch`, `trace`, `timeline`, `profiler`.
"""
