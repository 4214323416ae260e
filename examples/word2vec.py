"""Skip-gram word vectors with noise-contrastive estimation and sparse embedding gradients.

The text is generated from a small grammar, so it is known which words belong together: words of one
group appear in the same places of a sentence, and their vectors should end up side by side.
"""

import collections

import numpy as np
import tensorflow as tf

flags = tf.app.flags
flags.DEFINE_integer("steps", 3000, "Training steps.")
flags.DEFINE_integer("batch_size", 128, "Pairs of words in a step.")
flags.DEFINE_integer("embedding_size", 24, "Length of a word's vector.")
flags.DEFINE_integer("num_sampled", 16, "Noise words in a step.")
flags.DEFINE_float("learning_rate", 1.0, "Learning rate of gradient descent.")
FLAGS = flags.FLAGS

GROUPS = {
    "animal": "cat dog horse sheep goose goat".split(),
    "eats": "eats chews nibbles swallows wants".split(),
    "food": "grass bread cheese corn apples".split(),
    "person": "anna peter maria john clara paul".split(),
    "travels": "walks rides sails hurries returns".split(),
    "place": "london paris rome vienna madrid lisbon".split(),
}
TEMPLATES = ["the animal eats some food", "person travels slowly to place"]


def generate_text(sentences, rng):
    words = []
    for _ in range(sentences):
        for slot in TEMPLATES[rng.randint(len(TEMPLATES))].split():
            words.append(rng.choice(GROUPS[slot]) if slot in GROUPS else slot)
    return words


def build_dataset(words):
    """Numbers the words, the most frequent first, as the log-uniform sampler expects."""
    ranked = [word for word, _ in collections.Counter(words).most_common()]
    dictionary = {word: i for i, word in enumerate(ranked)}
    return np.array([dictionary[word] for word in words]), dictionary


def skip_gram_pairs(data, window=2):
    pairs = []
    for shift in range(1, window + 1):
        pairs.append(np.stack([data[shift:], data[:-shift]], axis=1))
        pairs.append(np.stack([data[:-shift], data[shift:]], axis=1))
    return np.concatenate(pairs)


def main(_):
    rng = np.random.RandomState(0)
    data, dictionary = build_dataset(generate_text(4000, rng))
    vocabulary_size = len(dictionary)
    pairs = skip_gram_pairs(data)
    print("%d words, %d different, %d pairs" % (len(data), vocabulary_size, len(pairs)))

    graph = tf.Graph()
    with graph.as_default(), tf.device("/cpu:0"):
        tf.set_random_seed(0)
        train_inputs = tf.placeholder(tf.int32, shape=[FLAGS.batch_size])
        train_labels = tf.placeholder(tf.int32, shape=[FLAGS.batch_size, 1])
        embeddings = tf.Variable(
            tf.random_uniform([vocabulary_size, FLAGS.embedding_size], -1.0, 1.0)
        )
        embed = tf.nn.embedding_lookup(embeddings, train_inputs)
        nce_weights = tf.Variable(
            tf.truncated_normal(
                [vocabulary_size, FLAGS.embedding_size], stddev=1.0 / FLAGS.embedding_size**0.5
            )
        )
        nce_biases = tf.Variable(tf.zeros([vocabulary_size]))
        loss = tf.reduce_mean(
            tf.nn.nce_loss(
                weights=nce_weights,
                biases=nce_biases,
                labels=train_labels,
                inputs=embed,
                num_sampled=FLAGS.num_sampled,
                num_classes=vocabulary_size,
            )
        )
        optimizer = tf.train.GradientDescentOptimizer(FLAGS.learning_rate)
        gradients = optimizer.compute_gradients(loss)
        print("embedding gradient:", type(gradients[0][0]).__name__)
        train = optimizer.apply_gradients(gradients)

        norm = tf.sqrt(tf.reduce_sum(tf.square(embeddings), 1, keep_dims=True))
        normalized = embeddings / norm
        similarity = tf.matmul(normalized, normalized, transpose_b=True)
        init = tf.global_variables_initializer()

    with tf.Session(graph=graph) as session:
        session.run(init)
        average_loss, every = 0.0, max(FLAGS.steps // 5, 1)
        for step in range(1, FLAGS.steps + 1):
            batch = pairs[rng.randint(len(pairs), size=FLAGS.batch_size)]
            feed_dict = {train_inputs: batch[:, 0], train_labels: batch[:, 1:]}
            _, loss_value = session.run([train, loss], feed_dict=feed_dict)
            average_loss += loss_value / every
            if step % every == 0:
                print("step %5d average loss %.4f" % (step, average_loss))
                average_loss = 0.0
        closeness = session.run(similarity)

    words = sorted(dictionary, key=dictionary.get)
    right = total = 0
    for group in GROUPS.values():
        for word in group:
            nearest = [words[i] for i in np.argsort(-closeness[dictionary[word]])[1:4]]
            right += sum(other in group for other in nearest)
            total += len(nearest)
            if word == group[0]:
                print("nearest to %s: %s" % (word, ", ".join(nearest)))
    print("neighbours of the same group: %.3f" % (right / total))


if __name__ == "__main__":
    tf.app.run()
