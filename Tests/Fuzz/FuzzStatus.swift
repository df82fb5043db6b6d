//===----------------------------------------------------------------------===//
// Quartermaster: fuzz entry: any bytes as what was read from a status channel
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

@testable import MasterProtocol

/// Feeds any bytes to `StatusStream` and checks its bookkeeping: it ends, it accounts for every byte, it invents
/// nothing, and a batch of plausible records comes out as it went in. The first byte says whether the read was full.
/// Built with MasterProtocol by `scripts/fuzz status`.
@c(LLVMFuzzerTestOneInput)
public func fuzzStatus(_ start: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    guard let start, size > 0 else { return 0 }
    let input = UnsafeBufferPointer(start: start, count: size)
    let batch = Array(input.dropFirst())
    walk(batch, mayContinue: input[0] & 1 == 1)
    return 0
}

/// Few pids, so that the fuzzer meets them.
private func isPlausible(_ report: StatusReport) -> Bool {
    (1...8).contains(report.pid) && report.generation <= 8 && (0...1).contains(report.availability)
}

private func walk(_ batch: [UInt8], mayContinue: Bool) {
    var stream = StatusStream()
    var covered = 0
    var isAllPlausible = batch.count % StatusReport.byteCount == 0
    var offset = 0
    while isAllPlausible && offset < batch.count {
        isAllPlausible = isPlausible(StatusReport(decoding: batch.span.bytes, at: offset))
        offset += StatusReport.byteCount
    }
    while let item = stream.next(in: batch.span.bytes, mayContinue: mayContinue, plausible: isPlausible) {
        switch item {
        case .report(let report):
            precondition(report == StatusReport(decoding: batch.span.bytes, at: covered), "report from elsewhere")
            covered += StatusReport.byteCount
        case .garbage(let count, let pid):
            precondition(count > 0, "empty garbage")
            precondition((pid == nil) == (count < 4), "culprit without a name")
            precondition(!isAllPlausible, "good records called garbage")
            covered += count
        }
        precondition(stream.offset == covered, "lost count")
    }
    let left = batch.count - covered
    precondition(left == 0 || (mayContinue && left < StatusReport.byteCount), "bytes that are not accounted for")
}
