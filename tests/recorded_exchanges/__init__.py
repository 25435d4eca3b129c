"""The examples of the OpenAPI description: exchanges with a service as it is, one for each request."""
