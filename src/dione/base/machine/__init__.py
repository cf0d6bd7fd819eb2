"""What of this machine, or of others, a process may use: processors, memory, worker processes, a cluster's tasks."""
