//===----------------------------------------------------------------------===//
// Quartermaster: a zlib stream without compression
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// RFC 1950 around stored blocks of RFC 1951: what every inflater reads, and no library is needed to write. A histogram
/// is small, and in base64 it is a few kilobytes at most.
enum ZlibStream {
    private static let longestBlock = 65535

    static func stored(_ bytes: [UInt8]) -> [UInt8] {
        // A window of 32 kB, fastest method; the pair is a multiple of 31.
        var stream: [UInt8] = [0x78, 0x01]
        var start = 0
        repeat {
            let end = min(start + longestBlock, bytes.count)
            let length = UInt16(end - start)
            stream.append(end == bytes.count ? 1 : 0)
            stream += bigEndian(length.byteSwapped) + bigEndian((~length).byteSwapped) + bytes[start..<end]
            start = end
        } while start < bytes.count
        return stream + bigEndian(checksum(bytes))
    }

    /// Adler-32.
    static func checksum(_ bytes: [UInt8]) -> UInt32 {
        var (low, high): (UInt32, UInt32) = (1, 0)
        for byte in bytes {
            low = (low + UInt32(byte)) % 65521
            high = (high + low) % 65521
        }
        return high << 16 | low
    }
}
