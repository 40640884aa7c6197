using System.Buffers;

namespace InverseSolver.Service.Requests;

/// <summary>Files inside JSON: <c>data:image/png;base64,...</c> (RFC 2397, always base64).</summary>
internal static class DataUri
{
    private static readonly SearchValues<char> Base64Alphabet =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");

    private static readonly HashSet<string> MediaTypes = new(StringComparer.OrdinalIgnoreCase)
    {
        "image/png", "image/jpeg", "image/tiff", "image/webp", "application/octet-stream", "application/x-npy", "application/x-hdf5", "application/dicom",
        "application/zip", "application/x-npz", "text/plain",
    };

    /// <summary>The bytes of a data URI.</summary>
    /// <param name="text">The URI.</param>
    /// <param name="field">The field that contains it, for errors.</param>
    /// <param name="limit">The most bytes it may have.</param>
    public static byte[] Parse(string text, string field, int limit)
    {
        const string scheme = "data:", marker = ";base64,";
        int end = text.IndexOf(marker, 0, Math.Min(text.Length, 128), StringComparison.OrdinalIgnoreCase);
        if (!text.StartsWith(scheme, StringComparison.OrdinalIgnoreCase) || end < 0 || !MediaTypes.Contains(text[scheme.Length..end]))
        {
            throw Invalid(field, "The file must be data:<media type>;base64,<data>, with one of the media types " + string.Join(", ", MediaTypes) + ".");
        }

        ReadOnlySpan<char> payload = text.AsSpan(end + marker.Length);
        if (payload.Length / 4L * 3 > limit + 3L)
        {
            throw UploadReader.FileTooLarge(field, limit);
        }

        ReadOnlySpan<char> digits = payload.TrimEnd('=');
        if (payload.Length % 4 != 0 || payload.Length - digits.Length > 2 || digits.ContainsAnyExcept(Base64Alphabet))
        {
            throw Invalid(field, "The data are not base64 (RFC 4648 section 4, padded, without white space).");
        }

        byte[] bytes = new byte[payload.Length / 4 * 3 - (payload.Length - digits.Length)];
        if (!Convert.TryFromBase64Chars(payload, bytes, out int written) || written != bytes.Length)
        {
            throw Invalid(field, "The data are not base64 (RFC 4648 section 4, padded, without white space).");
        }

        return bytes.Length == 0 ? throw Invalid(field, "The file is empty.")
            : bytes.Length > limit ? throw UploadReader.FileTooLarge(field, limit)
            : bytes;
    }

    /// <summary>A file as a data URI.</summary>
    /// <param name="type">The media type.</param>
    /// <param name="bytes">The file.</param>
    public static string Of(string type, ReadOnlySpan<byte> bytes) => $"data:{type};base64,{Convert.ToBase64String(bytes)}";

    private static RequestException Invalid(string field, string text) =>
        new(StatusCodes.Status422UnprocessableEntity, "invalidDataUri", field, text);
}
