//===----------------------------------------------------------------------===//
// Quartermaster: texts between marks
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import TerminalText

/// What HTML and SVG have in common.
enum Markup {
    /// Fit for an element and for an attribute in double quotes. A control character, which HTML has no way to say,
    /// becomes its name.
    static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in printable(text).unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
