// The libraries of layer archives: libarchive for compressions that only whole files come in, and the two that layers come
// in, with xz, directly, because their checksums and memory must be ours to control, and libdeflate, which writes gzip. The tar
// format itself is read and written in Swift (Sources/LayerArchive).
#include <archive.h>
#include <libdeflate.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>
