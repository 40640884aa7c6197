using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace InverseSolver.Imaging;

/// <summary>Writes values in DICOM's value representations (PS3.5, table 6.2-1).</summary>
internal static class DicomText
{
    /// <summary>A UID of a random UUID (PS3.5, B.2).</summary>
    internal static string NewUid()
    {
        byte[] bytes = Guid.NewGuid().ToByteArray(bigEndian: true);
        var number = new UInt128(BinaryPrimitives.ReadUInt64BigEndian(bytes), BinaryPrimitives.ReadUInt64BigEndian(bytes.AsSpan(8)));
        return "2.25." + number.ToString(CultureInfo.InvariantCulture);
    }

    /// <summary>The UID, or null where it is none.</summary>
    internal static string? Uid(string? text)
    {
        text = text?.Trim('\0', ' ');
        if (text is not { Length: > 0 and <= 64 }) return null;
        return text.Split('.').All(part => part.Length > 0 && part.All(char.IsAsciiDigit) && (part.Length == 1 || part[0] != '0')) ? text : null;
    }

    /// <summary>DS: at most 16 characters.</summary>
    internal static string Decimal(double value)
    {
        for (int digits = 15; digits > 0; digits--)
        {
            string text = value.ToString("G" + digits.ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
            if (text.Length <= 16) return text;
        }
        throw new ArgumentOutOfRangeException(nameof(value));
    }

    /// <summary>Several decimal strings.</summary>
    internal static string Decimals(params ReadOnlySpan<double> values)
    {
        var text = new StringBuilder();
        foreach (double value in values) text.Append(text.Length > 0 ? "\\" : "").Append(Decimal(value));
        return text.ToString();
    }

    /// <summary>DA of YYYYMMDD or YYYY-MM-DD; null where it is neither.</summary>
    internal static string? Date(string? text) =>
        DateTime.TryParseExact(text?.Trim(), ["yyyyMMdd", "yyyy-MM-dd"], CultureInfo.InvariantCulture, DateTimeStyles.None, out DateTime date)
            ? date.ToString("yyyyMMdd", CultureInfo.InvariantCulture) : null;

    /// <summary>TM of HHMMSS or HH:MM:SS, with or without a fraction; null where it is neither.</summary>
    internal static string? Time(string? text) =>
        TimeOnly.TryParseExact(
            text?.Trim(), ["HHmmss", "HHmmss.FFFFFFF", "HH:mm:ss", "HH:mm:ss.FFFFFFF"], CultureInfo.InvariantCulture, DateTimeStyles.None, out TimeOnly time)
            ? time.ToString("HHmmss.ffffff", CultureInfo.InvariantCulture) : null;

    /// <summary>
    /// One value of LO, SH, PN or CS, or null where it does not fit, since a truncated identifier would be another's. Backslashes would split it in two.
    /// </summary>
    internal static string? Short(string? text, int most)
    {
        text = text?.Trim();
        return text is { Length: > 0 } && text.Length <= most && !text.Any(c => char.IsControl(c) || c == '\\') ? text : null;
    }

    /// <summary>Text in ASCII, which every character set contains, truncated to a length.</summary>
    internal static string Ascii(string text, int most)
    {
        string plain = string.Concat(text.Select(c => char.IsControl(c) ? ' ' : c is '\\' ? '/' : char.IsAscii(c) ? c : '?'));
        return plain.Length <= most ? plain : plain[..most];
    }
}
