import json
import numpy as np
import tensorflow as tf

# Matrix factorization (IndexedSlices through 5 optimizers' sparse paths), embedding_lookup_sparse, partitioned tables
rng = np.random.RandomState(0)
n_u, n_i, d = 7, 9, 3
users, items = tf.placeholder(tf.int32, [None]), tf.placeholder(tf.int64, [None])
rate = tf.placeholder(tf.float32, [None])
with tf.device("/cpu:0"):
    bias_global = tf.get_variable("bias_global", shape=[])
    U = tf.get_variable("embd_user", initializer=rng.randn(n_u, d).astype("f"))
    I = tf.get_variable("embd_item", [n_i, d], initializer=tf.random_normal_initializer(seed=4),
                        partitioner=tf.fixed_size_partitioner(2))
    bu = tf.get_variable("bu", [n_u], initializer=tf.zeros_initializer)
    tags = tf.get_variable("tags", initializer=rng.randn(5, d).astype("f"))
    eu = tf.nn.embedding_lookup(U, users, name="embedding_user")
    ei = tf.nn.embedding_lookup(I, items, partition_strategy="div", name="embedding_item")
    sp = tf.SparseTensor(indices=[[0, 0], [0, 1], [2, 0]], values=tf.constant([1, 3, 4], tf.int64), dense_shape=[3, 2])
    spw = tf.SparseTensor(indices=[[0, 0], [0, 1], [2, 0]], values=[0.5, 1.5, 2.0], dense_shape=[3, 2])
    et = tf.nn.embedding_lookup_sparse(tags, sp, spw, combiner="mean")
infer = tf.reduce_sum(tf.multiply(eu, ei), 1) + bias_global + tf.gather(bu, users)
infer = tf.add(infer, tf.reduce_sum(et, 1)[:1], name="svd")
reg = tf.add(tf.nn.l2_loss(eu), tf.nn.l2_loss(ei), name="svd_regularizer")
cost = tf.nn.l2_loss(tf.subtract(infer, rate)) + 0.1 * reg
g = tf.gradients(cost, [U, tags, bu])
print("types " + json.dumps([type(x).__name__ for x in g]))
print("names " + json.dumps([v.name for v in tf.global_variables()] + [str(I.get_shape())]))
step = tf.Variable(0, name="gs", trainable=False)
opts = [tf.train.FtrlOptimizer(0.1), tf.train.AdamOptimizer(0.05), tf.train.GradientDescentOptimizer(0.05),
        tf.train.MomentumOptimizer(0.05, 0.9), tf.train.RMSPropOptimizer(0.01)]
trains = [o.minimize(cost, global_step=step) for o in opts]
inc = tf.scatter_add(bu, [0, 0, 1], [1., 2., 3.])
upd = tf.scatter_update(U, [2], [[9., 9., 9.]])
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    sess.run(bias_global.assign(0.25))
    for train in trains:
        for _ in range(3):
            f = {users: rng.randint(0, n_u, 6), items: rng.randint(0, n_i, 6), rate: rng.rand(6) * 5}
            _, c, s = sess.run([train, cost, step], f)
            print("cost " + json.dumps([float(c), int(s)]))
    print("I " + json.dumps(sess.run(tf.convert_to_tensor(I)).ravel().tolist()))
    sess.run([inc, upd])
    print("U " + json.dumps(sess.run(U).ravel().tolist() + sess.run(bu).tolist()))
    ge = sess.run(g[0], f)
    print("slices " + json.dumps([type(ge).__name__, ge.values.shape, ge.indices.tolist(), ge.dense_shape.tolist()]))
