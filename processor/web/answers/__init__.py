"""What an answer says beside its status: heads and bodies as bytes. Nothing here knows a connection."""
