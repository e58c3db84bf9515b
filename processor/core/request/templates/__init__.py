"""What the operator writes with `{{ … }}` of requests and filters: members of an event in their places."""
