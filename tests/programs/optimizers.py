"""Three steps of every optimizer, moving averages and schedules; prints a line per result."""

import json

import tensorflow as tf


def show(name, values):
    print(name + " " + json.dumps([float(v) for v in values]))


def flat(arrays):
    return [v for array in arrays for v in array.ravel()]


v = tf.get_variable("v", [3], initializer=tf.ones_initializer())
w = tf.get_variable("w", [3], initializer=tf.ones_initializer(), use_resource=True)
table = tf.get_variable("table", [5, 2], initializer=tf.ones_initializer())
rows = tf.get_variable("rows", [5, 2], initializer=tf.ones_initializer(), use_resource=True)
loss = tf.reduce_sum(tf.square(v) * w)
loss += tf.reduce_sum(tf.square(tf.gather(table, [1, 1, 3])) * tf.gather(rows, [0, 2, 2]))
step = tf.train.get_or_create_global_step()
t = tf.train
optimizers = [
    t.GradientDescentOptimizer(0.1),
    t.MomentumOptimizer(0.1, 0.9),
    t.MomentumOptimizer(0.1, 0.9, use_nesterov=True, name="Nesterov"),
    t.AdamOptimizer(0.1),
    t.AdagradOptimizer(0.1),
    t.RMSPropOptimizer(0.1),
    t.RMSPropOptimizer(0.1, momentum=0.5, centered=True, name="Centered"),
    t.FtrlOptimizer(0.1, l1_regularization_strength=0.01, l2_regularization_strength=0.02),
    t.FtrlOptimizer(0.1, l2_shrinkage_regularization_strength=0.1, name="Shrinking"),
    t.AdadeltaOptimizer(0.5),
    t.ProximalGradientDescentOptimizer(0.1, 0.01, 0.02),
    t.ProximalAdagradOptimizer(0.1, l1_regularization_strength=0.01),
    t.AdagradDAOptimizer(0.1, step, l1_regularization_strength=0.01),
]
for optimizer in optimizers:
    pairs = optimizer.compute_gradients(loss)
    clipped, _ = tf.clip_by_global_norm([g for g, _ in pairs], 5.0)
    train = optimizer.apply_gradients(zip(clipped, [v for _, v in pairs]), global_step=step)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(3):
            session.run(train)
        show(optimizer.get_name(), flat(session.run([v, w, table, rows])))
        assert session.run(step) == 3

average = tf.train.ExponentialMovingAverage(0.9, num_updates=step)
update = average.apply([v, w])
with tf.Session() as session:
    session.run(tf.global_variables_initializer())
    for _ in range(3):
        session.run(train)
        session.run(update)
    show("averages", flat(session.run([average.average(v), average.average(w)])))
print("names " + json.dumps([x.name for x in tf.global_variables()]))
print("restore " + json.dumps(sorted(average.variables_to_restore())))

rates = [
    tf.train.exponential_decay(0.1, step, 10, 0.5),
    tf.train.exponential_decay(0.1, step, 3, 0.5, staircase=True),
    tf.train.natural_exp_decay(0.1, step, 10, 0.5),
    tf.train.inverse_time_decay(0.1, step, 10, 0.5),
    tf.train.polynomial_decay(0.1, step, 5, power=2.0),
    tf.train.polynomial_decay(0.1, step, 5, cycle=True),
    tf.train.piecewise_constant(step, [2, 5], [1.0, 2.0, 3.0]),
    tf.train.cosine_decay(0.1, step, 10, alpha=0.1),
    tf.train.cosine_decay_restarts(0.1, step, 3),
    tf.train.linear_cosine_decay(0.1, step, 10),
]
with tf.Session() as session:
    for now in (0, 2, 3, 7, 20):
        show("rates at %d" % now, session.run(rates, {step: now}))
