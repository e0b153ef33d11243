"""What weights say in numbers, and whether predictions depend on what they show."""
