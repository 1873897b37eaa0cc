"""A program to stop at a prompt: its main thread and another one never rest for long, a third does for ever."""

import threading
import time


class Basket:
    def __init__(self):
        self.apples = 3
        self.apricots = 4

    def total(self):
        count = self.apples  # total
        return count + self.apricots


def spend(number):
    price = number * 2  # spend
    return price


def wait(event):
    event.wait()


def work():
    while True:
        spend(1)
        time.sleep(0.005)


def main():
    basket = Basket()
    number = 0
    while True:
        number += 1  # main
        basket.total()
        time.sleep(0.005)


threading.Thread(target=wait, args=(threading.Event(),), name="resting", daemon=True).start()
threading.Thread(target=work, name="working", daemon=True).start()
print("ready", flush=True)
main()
