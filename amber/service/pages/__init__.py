"""The web pages: what people see of the service, made on the server; they call what the routes of the API call."""
