//===----------------------------------------------------------------------===//
// Quartermaster: responses of HTTP/1.x
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

extension CompiledScript {
    private static let version = Array("HTTP/1.".utf8)
    private static let lengthName = Array("content-length:".utf8)

    /// The head must have arrived as a whole; of the body, its length is enough.
    func matchHTTP(_ buffer: [UInt8], _ start: Int, _ count: Int) -> Match {
        for index in 0..<min(count, Self.version.count) where buffer[start + index] != Self.version[index] {
            return .wrong
        }
        // "HTTP/1.1 200": the status is of the first three classes.
        if count > 9, !(UInt8(ascii: "1")...UInt8(ascii: "3")).contains(buffer[start + 9]) { return .wrong }
        guard let head = headLength(buffer, start, count) else { return .incomplete }
        guard let length = contentLength(buffer, start, head) else { return .untilClose }
        let missing = length - (count - head)
        return missing < 0 ? .wrong : missing == 0 ? .complete : .body(missing)
    }

    /// Bytes up to and with the empty line.
    private func headLength(_ buffer: [UInt8], _ start: Int, _ count: Int) -> Int? {
        var index = start + 3
        while index < start + count {
            if buffer[index] == 10, buffer[index - 1] == 13, buffer[index - 2] == 10, buffer[index - 3] == 13 {
                return index - start + 1
            }
            index += 1
        }
        return nil
    }

    private func contentLength(_ buffer: [UInt8], _ start: Int, _ head: Int) -> Int? {
        var line = start
        while line < start + head {
            if let value = value(buffer, line, start + head) { return value }
            while line < start + head, buffer[line] != 10 { line += 1 }
            line += 1
        }
        return nil
    }

    /// The number behind the name, if this line has that name.
    private func value(_ buffer: [UInt8], _ line: Int, _ end: Int) -> Int? {
        guard line + Self.lengthName.count < end else { return nil }
        for index in Self.lengthName.indices where buffer[line + index] | 0x20 != Self.lengthName[index] | 0x20 {
            return nil
        }
        var index = line + Self.lengthName.count
        while index < end, buffer[index] == UInt8(ascii: " ") || buffer[index] == 9 { index += 1 }
        var number: Int?
        while index < end, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(buffer[index]), number ?? 0 < 1 << 50 {
            number = (number ?? 0) * 10 + Int(buffer[index] - UInt8(ascii: "0"))
            index += 1
        }
        return number
    }
}
