//===----------------------------------------------------------------------===//
// Quartermaster: fuzz entry: any bytes as the beginning of a connection
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import FixedMemory

@testable import ProxyHeader

/// Reads any bytes as a PROXY header: a header lies within them, is not there before its last byte, and comes back from
/// what is written of it. Built with ProxyHeader by `scripts/fuzz proxy_header`.
@c(LLVMFuzzerTestOneInput)
public func fuzzProxyHeader(_ start: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    guard let start, size > 0 else { return 0 }
    let input = Array(UnsafeBufferPointer(start: start, count: size))
    for limit in [ProxyHeader.usualLimit, 4096] {
        guard case .header(let header, let version, let end) = ProxyHeader.read(input.span.bytes, limit: limit) else {
            continue
        }
        precondition(end > 0 && end <= input.count, "a header beyond its bytes")
        precondition(version == .v1 ? end <= ProxyHeader.longestLine : end <= limit, "a header beyond its limit")
        for shorter in [end - 1, end / 2] {
            let part = Array(input[..<shorter])
            precondition(ProxyHeader.read(part.span.bytes, limit: limit) == .incomplete, "a header before its end")
        }
        // Only what version 1 has no word for may change.
        check(header, as: version)
        check(header, as: .v2)
    }
    return 0
}

private func check(_ header: ProxyHeader, as version: ProxyHeader.Version) {
    let encoded = header.encoded(as: version)
    let read = ProxyHeader.read(encoded.bytes)
    precondition(read == .header(header, version, size: encoded.count), "a header that changes on its way")
}
