// The compression libraries of layer archives. The tar format itself is read and written in Swift (Sources/LayerArchive).
#include <bzlib.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>
