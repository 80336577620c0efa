"""What is to run: organisations and their tasks. One atomic snapshot, the only thing a DAG parse reads."""
