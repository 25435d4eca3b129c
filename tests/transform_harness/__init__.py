"""What the tests of all transforms share: random documents, and what a transform has to keep of them."""
