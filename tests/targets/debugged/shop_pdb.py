"""A debugger class of the program's own."""

import pdb


class ShopPdb(pdb.Pdb):
    def do_hello(self, arg):
        """Say hello."""
        self.message("hello, %s" % arg)
