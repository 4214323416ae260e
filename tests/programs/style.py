import json
import numpy as np
import tensorflow as tf

# Style transfer: frozen random VGG-like net, image is the variable; gram matrices, total variation
rng = np.random.RandomState(0)
CONTENT, STYLE = ("relu2_1",), ("relu1_1", "relu2_1")
W = {"conv1_1": rng.randn(3, 3, 3, 4) * 0.3, "conv2_1": rng.randn(3, 3, 4, 6) * 0.3}


def _conv_layer(input, weights, bias):
    conv = tf.nn.conv2d(input, tf.constant(weights.astype(np.float32)), strides=(1, 1, 1, 1), padding="SAME")
    return tf.nn.bias_add(conv, bias)


def net(image, scope="vgg"):
    layers, current = {}, image
    with tf.variable_scope(scope):
        for name in ("conv1_1", "relu1_1", "pool1", "conv2_1", "relu2_1"):
            if name[:4] == "conv":
                current = _conv_layer(current, W[name], np.full(W[name].shape[-1], 0.1, "f"))
            elif name[:4] == "relu":
                current = tf.nn.relu(current)
            else:
                current = tf.nn.avg_pool(current, ksize=(1, 2, 2, 1), strides=(1, 2, 2, 1), padding="SAME")
            layers[name] = current
    return layers


content, style = rng.rand(1, 8, 8, 3).astype("f"), rng.rand(1, 8, 8, 3).astype("f")
style_features, content_features = {}, {}
g = tf.Graph()
with g.as_default(), g.device("/cpu:0"), tf.Session() as sess:
    image = tf.placeholder("float", shape=style.shape)
    layers = net(image)
    for layer in STYLE:
        f = layers[layer].eval(feed_dict={image: style})
        f = np.reshape(f, (-1, f.shape[3]))
        style_features[layer] = np.matmul(f.T, f) / f.size
    for layer in CONTENT:
        content_features[layer] = layers[layer].eval({image: content})
print("names " + json.dumps([o.name for o in g.get_operations()]))
with tf.Graph().as_default():
    image = tf.Variable(rng.rand(1, 8, 8, 3).astype("f") * 0.2)
    layers = net(image)
    c_loss = sum(7.5 * 2 * tf.nn.l2_loss(layers[c] - content_features[c]) / content_features[c].size for c in CONTENT)
    s_losses = []
    for s in STYLE:
        layer = layers[s]
        _, height, width, number = map(lambda i: i.value, layer.get_shape())
        size = height * width * number
        feats = tf.reshape(layer, (-1, number))
        gram = tf.matmul(tf.transpose(feats), feats) / size
        s_losses.append(2 * tf.nn.l2_loss(gram - style_features[s]) / style_features[s].size)
    s_loss = 100.0 * tf.reduce_sum(tf.stack(s_losses))
    y_size, x_size = image[:, 1:, :, :].get_shape().num_elements(), image[:, :, 1:, :].shape.num_elements()
    tv = 2 * (tf.nn.l2_loss(image[:, 1:, :, :] - image[:, :7, :, :]) / y_size +
              tf.nn.l2_loss(image[:, :, 1:, :] - image[:, :, :7, :]) / x_size)
    loss = c_loss + s_loss + tv
    train_step = tf.train.AdamOptimizer(0.1, 0.9, 0.999, 1e-8).minimize(loss)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for i in range(10):
            train_step.run()
            print("loss " + json.dumps([float(v) for v in sess.run([c_loss, s_loss, tv, loss])]))
        print("image " + json.dumps(image.eval().ravel()[:12].tolist()))
