def form_feed(n):
	if n:
		return 1
	return 2

form_feed(1)


VALUE = (
	1
)
