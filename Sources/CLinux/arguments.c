// Where Swift's CommandLine finds the program's arguments. The runtime's own way is a constructor that searches the stack
// with the help of /proc/self/maps, on every start; these two definitions take the place of that object file in a static
// program (swift/stdlib/public/stubs/CommandLine.cpp). glibc hands argc and argv to constructors.

static int count;
static char **vector;

char **_swift_stdlib_getUnsafeArgvArgc(int *length);
void _swift_stdlib_overrideUnsafeArgvArgc(char **arguments, int length);

__attribute__((constructor)) static void keep(int argc, char **argv) {
  count = argc;
  vector = argv;
}

char **_swift_stdlib_getUnsafeArgvArgc(int *length) {
  *length = count;
  return vector;
}

void _swift_stdlib_overrideUnsafeArgvArgc(char **arguments, int length) {
  vector = arguments;
  count = length;
}
