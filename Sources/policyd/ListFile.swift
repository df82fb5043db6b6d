//===----------------------------------------------------------------------===//
// Quartermaster: a list that an administrator may change at any time
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import PolicyDecisions
import ServerSkeleton
import SystemCalls

/// The file of one list, and what is known of it. It is read again when it looks different; what cannot be used
/// changes nothing.
struct ListFile {
    private static let largest = 64 << 20

    let path: String
    private let kind: AllowList.Kind
    /// Of what was read last; nil: nothing was.
    private var seen: FileFacts?
    /// It was changed in the second in which it was read, and may change again without looking different. One whose
    /// time is to come, by a clock that was set back, is not read again and again.
    private var isFresh = false
    /// What was said last, and need not be said again.
    private var complaint: String?

    init(_ path: String, _ kind: AllowList.Kind) {
        self.path = path
        self.kind = kind
    }

    /// A system call for a list that has not changed, none for one that is not wanted.
    ///
    /// - Returns: the list, if there is another one now.
    mutating func look(_ key: HashKey, _ log: ServiceLog) -> AllowList? {
        if path.isEmpty { return nil }
        do throws(SystemError) {
            let facts = try facts(ofPath: path)
            if facts == seen, !isFresh { return nil }
            return try read(key, log)
        } catch {
            // Once it can be read, it is read.
            seen = nil
            complain("\(path): \(error.reason) -- going on with the list as it was", log)
            return nil
        }
    }

    private mutating func read(_ key: HashKey, _ log: ServiceLog) throws(SystemError) -> AllowList? {
        let file = try openFile(path, [.readOnly, .nonBlocking])
        let facts = try file.number.facts()
        seen = facts
        isFresh = abs(facts.modifiedSeconds - Clock.secondsSince1970()) <= 1
        guard facts.kind == .file, facts.size <= UInt64(Self.largest) else {
            complain("\(path): no file, or larger than 64 MB -- going on with the list as it was", log)
            return nil
        }
        var bytes: [UInt8] = []
        while bytes.count <= Self.largest, let block = try file.number.read(atMost: 64 * 1024), !block.isEmpty {
            bytes += block
        }
        do throws(AllowListProblem) {
            // All bytes of an array are there.
            let list = try AllowList(unsafe bytes.span.bytes, kind, key: key)
            let text = "\(path): \(list.count) entries"
            if complaint != text { log.info(text) }
            complaint = text
            return list
        } catch {
            let place = "\(path), line \(error.line)"
            complain("\(place): \(error.text) (\(error.cure)) -- going on with the list as it was", log)
            return nil
        }
    }

    private mutating func complain(_ text: String, _ log: ServiceLog) {
        if complaint == text { return }
        complaint = text
        log.warning(text)
    }
}
