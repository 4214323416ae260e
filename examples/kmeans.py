"""k-means clustering, with the points of each cluster gathered inside the graph."""

import argparse

import numpy as np
import tensorflow as tf

CENTERS = np.array([[-2.0, -2.0], [-2.0, 2.0], [2.0, -2.0], [2.0, 2.0], [0.0, 0.0]])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=2000)
    parser.add_argument("--max_steps", type=int, default=50)
    args = parser.parse_args()
    num_clusters = len(CENTERS)

    rng = np.random.RandomState(0)
    data = CENTERS[rng.randint(num_clusters, size=args.points)]
    data = (data + rng.normal(0, 0.4, data.shape)).astype(np.float32)

    tf.set_random_seed(42)
    points = tf.constant(data)
    centroids = tf.Variable(tf.slice(tf.random_shuffle(points), [0, 0], [num_clusters, -1]))
    assignments = tf.Variable(tf.zeros([args.points], dtype=tf.int64))

    # distances[c, p] is the squared distance between point p and centroid c.
    distances = tf.reduce_sum(
        tf.square(tf.subtract(tf.expand_dims(points, 0), tf.expand_dims(centroids, 1))), 2
    )
    nearest = tf.argmin(distances, 0)
    inertia = tf.reduce_mean(tf.reduce_min(distances, 0))
    did_change = tf.reduce_any(tf.not_equal(nearest, assignments))

    means = []
    for c in range(num_clusters):
        members = tf.gather(points, tf.reshape(tf.where(tf.equal(nearest, c)), [-1]))
        # A cluster that lost all its points stays where it is.
        means.append(
            tf.cond(
                tf.size(members) > 0,
                lambda members=members: tf.reduce_mean(members, 0),
                lambda c=c: centroids[c],
            )
        )
    # Both variables change only after `did_change` has been read.
    with tf.control_dependencies([did_change]):
        update = tf.group(centroids.assign(tf.stack(means)), assignments.assign(nearest))

    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for step in range(args.max_steps):
            changed, error, _ = sess.run([did_change, inertia, update])
            print("step %2d mean squared distance %.4f" % (step, error))
            if not changed:
                break
        found = sess.run(centroids)
    for center in found[np.lexsort((found[:, 1], found[:, 0]))]:
        print("center %6.3f %6.3f" % tuple(center))


if __name__ == "__main__":
    main()
