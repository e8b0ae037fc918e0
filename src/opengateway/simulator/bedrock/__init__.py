"""Amazon Bedrock as callers meet it: signed requests, Converse, and the binary event stream."""
