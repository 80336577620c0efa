# Our credential helper: answers git's question for user and password, for the one host that they are for.
# What git asks, and how it is answered: git-credential(1).
[ "$1" = get ] || exit 0
while IFS='=' read -r key value; do
	case "$key" in
	protocol) protocol=$value ;;
	host) host=$value ;;
	esac
done
[ "$protocol://$host" = "$PEACH_LOGIN_ORIGIN" ] || exit 0
printf 'username=%s\npassword=%s\n' "$PEACH_LOGIN_USERNAME" "$PEACH_LOGIN_PASSWORD"
