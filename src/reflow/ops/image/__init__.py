"""Images: the ops and functions of `tf.image`, and the image files that they read and write."""
