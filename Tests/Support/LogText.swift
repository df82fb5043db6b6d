//===----------------------------------------------------------------------===//
// Quartermaster: reading logs that are being written
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation

/// The lines that end with a newline. What follows the last newline is still being written.
package func completeLines(_ text: String) -> [String] {
    guard let end = text.utf8.lastIndex(of: UInt8(ascii: "\n")) else { return [] }
    return text[..<end].split(separator: "\n").map(String.init)
}

/// How many complete lines of a file contain the text. Looked for byte by byte, since tests ask many times a second and
/// a log may have megabytes.
package func lineCount(of text: String, inFile path: String) -> Int {
    guard let data = FileManager.default.contents(atPath: path) else { return 0 }
    let wanted = Data(text.utf8)
    var count = 0
    var rest = data.startIndex
    while let found = data.range(of: wanted, in: rest..<data.endIndex),
        let newline = data.range(of: Data([0x0a]), in: found.upperBound..<data.endIndex)
    {
        count += 1
        rest = newline.upperBound
    }
    return count
}
