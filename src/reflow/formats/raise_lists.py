"""x"""


def raise_lists(region, rewriting):
    pass
