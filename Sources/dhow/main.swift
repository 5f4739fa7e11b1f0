internal import Commands
internal import Glibc

// The role is in argv; nothing else may happen here: one thread, no descriptor opened, nothing allocated worth naming.
exit(Program.main(CommandLine.arguments))
