print("dhow")
