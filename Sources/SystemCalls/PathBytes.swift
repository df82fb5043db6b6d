//===----------------------------------------------------------------------===//
// Quartermaster: paths and names as system calls take them
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ByteText

/// Calls `body` with the bytes of a path or name and a NUL behind them. A `String` handed to C directly would be its
/// UTF-8, which is not always what the administrator wrote (see `ByteText`).
func withPath<Result>(_ path: String, _ body: (UnsafePointer<CChar>) -> Result) -> Result {
    let bytes = path.rawBytes.map { CChar(bitPattern: $0) } + [0]
    return unsafe bytes.withUnsafeBufferPointer { unsafe body($0.baseAddress!) }
}
