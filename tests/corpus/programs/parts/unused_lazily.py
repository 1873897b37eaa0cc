value = 1
never = 2
