"""What a deployment is made from: the image and the composition."""
