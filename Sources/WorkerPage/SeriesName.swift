//===----------------------------------------------------------------------===//
// Quartermaster: the name of a series, with its labels, in Prometheus's form
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// `name` or `name{label="value",…}` in one form: the labels in the order of their names, each once, none empty. Who
/// writes makes anything fit that form; who reads takes nothing else, so that a page that was made to mislead cannot
/// break what is made of it.
package struct SeriesName: Hashable, Sendable {
    /// Without the labels.
    package let family: String
    /// `label="value",…`, escaped as Prometheus wants it; empty without labels.
    package let labels: String

    package var text: String { labels.isEmpty ? family : "\(family){\(labels)}" }

    /// What the exporter adds, or what means something in Prometheus.
    private static let taken = ["service", "type", "le", "quantile"]

    /// Whatever Prometheus does not take in a name becomes `_`. A label that the exporter sets itself gets `exported_`
    /// before its name, as Prometheus does it, and of several with one name the first counts. nil when it is longer
    /// than a record has room for, or has no name at all.
    package init?(_ name: String, labels: [(String, String)] = []) {
        family = Self.fitting(name)
        var all: [(name: String, value: String)] = []
        for (name, value) in labels where !name.isEmpty && !value.isEmpty {
            let name = Self.fittingLabel(name)
            if !all.contains(where: { $0.name == name }) { all.append((name, value)) }
        }
        all.sort { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        self.labels = all.map { "\($0.name)=\"\(Self.escaped($0.value))\"" }.joined(separator: ",")
        if name.isEmpty || text.utf8.count > MetricsPage.Record.nameSize { return nil }
    }

    private static func fitting(_ name: String) -> String {
        var result = ""
        for scalar in name.unicodeScalars {
            let isFitting = scalar.isASCII && isNameByte(UInt8(scalar.value), isFirst: false)
            result.unicodeScalars.append(isFitting ? scalar : "_")
        }
        if let first = result.utf8.first, !isNameByte(first, isFirst: true) { result = "_" + result }
        return result
    }

    private static func fittingLabel(_ name: String) -> String {
        var name = fitting(name)
        // Two of them are Prometheus's own.
        while name.utf8.starts(with: "__".utf8) { name.removeFirst() }
        return taken.contains(name) ? "exported_" + name : name
    }

    private static func escaped(_ value: String) -> String {
        var result = ""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\": result += "\\\\"
            case "\"": result += "\\\""
            case "\n": result += "\\n"
            case _ where isControl(scalar): result += "?"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value < 32 || (127..<160).contains(scalar.value)
    }

    fileprivate static func isNameByte(_ byte: UInt8, isFirst: Bool) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"): true
        case UInt8(ascii: "0")...UInt8(ascii: "9"): !isFirst
        default: false
        }
    }

    // MARK: reading

    /// nil for what the other initializer does not write.
    package init?(reading bytes: [UInt8]) {
        var reader = NameReader(rest: bytes[...])
        guard bytes.count <= MetricsPage.Record.nameSize, let family = reader.name() else { return nil }
        self.family = String(decoding: family, as: UTF8.self)
        if reader.rest.isEmpty {
            labels = ""
            return
        }
        guard reader.take(UInt8(ascii: "{")), bytes.last == UInt8(ascii: "}"),
            let text = String(validating: bytes[(family.endIndex + 1)...].dropLast(), as: UTF8.self),
            !text.unicodeScalars.contains(where: Self.isControl)
        else { return nil }
        var last: [UInt8] = []
        repeat {
            guard let label = reader.name(), last.lexicographicallyPrecedes(label), !label.starts(with: "__".utf8),
                !Self.taken.contains(String(decoding: label, as: UTF8.self)), reader.value()
            else { return nil }
            last = Array(label)
        } while reader.take(UInt8(ascii: ","))
        guard reader.take(UInt8(ascii: "}")), reader.rest.isEmpty else { return nil }
        labels = text
    }
}

/// Goes through the bytes of a name.
private struct NameReader {
    var rest: ArraySlice<UInt8>

    mutating func take(_ byte: UInt8) -> Bool {
        if rest.first != byte { return false }
        rest.removeFirst()
        return true
    }

    mutating func name() -> ArraySlice<UInt8>? {
        let end = rest.firstIndex { !SeriesName.isNameByte($0, isFirst: false) } ?? rest.endIndex
        let name = rest[rest.startIndex..<end]
        guard let first = name.first, SeriesName.isNameByte(first, isFirst: true) else { return nil }
        rest = rest[end...]
        return name
    }

    /// `="…"` with something in it.
    mutating func value() -> Bool {
        guard take(UInt8(ascii: "=")), take(UInt8(ascii: "\"")) else { return false }
        var isEmpty = true
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "\""): return !isEmpty
            case UInt8(ascii: "\\"):
                guard let next = rest.popFirst(), "\\\"n".utf8.contains(next) else { return false }
            default: break
            }
            isEmpty = false
        }
        return false
    }
}
