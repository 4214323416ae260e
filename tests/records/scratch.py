from .base import *
from .base import record, sample, bad
record("AddV2", sample(x=f32(2,3), y=f32(3)), sample(x=i32([1,2]), y=i32(3)), sample(x=floats(2,dtype="bfloat16"), y=floats(2,dtype="bfloat16")), sample(x=f32(0,3),y=f32(1,3)),
  bad=[bad(x=f32(2,3),y=f32(2), match="ncompatible|broadcast|must be equal")])
record("Mul", sample(x=f32(2,3), y=f32(3)), sample(x=c64(2), y=c64(2)))
record("Exp", sample(x=f32(2,3)), sample(x=c64(2)))
record("Assign", sample(ref=var(f32(2)), value=f32(2)))
record("AssignAddVariableOp", sample(resource=var(f32(2)), value=f32(2)))
