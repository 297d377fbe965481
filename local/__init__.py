"""What runs on one machine around the product: embedded servers, the environment, the processes of the demo.

Nothing of the product is imported here and the product imports nothing from here: production has servers of its own.
"""
