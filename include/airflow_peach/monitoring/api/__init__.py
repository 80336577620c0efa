"""The API below ``/peach/api``: what the Tasks page and the information notebook show. Light: no import here."""
