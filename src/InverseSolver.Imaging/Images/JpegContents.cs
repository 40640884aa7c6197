using System.Buffers.Binary;
using SixLabors.ImageSharp.PixelFormats;

namespace InverseSolver.Imaging;

/// <summary>
/// A JPEG file: segments up to the end marker after its last scan. The decoder gets tables, frame and scans, and a marker that says how the colours
/// are stored; EXIF, thumbnails, profiles and everything after the end are ignored.
/// </summary>
internal sealed class JpegContents : ImageContents
{
    private const int MaxScans = 100;

    private readonly byte[] _file;
    private readonly JpegFrame _frame;

    private JpegContents(ImageHeader header, int orientation, JpegFrame frame, byte[] file)
        : base(header, orientation) => (_frame, _file) = (frame, file);

    /// <param name="file">The file.</param>
    /// <param name="isRgb">True where the container states that three components are red, green and blue; null: the file states it.</param>
    internal static JpegContents Open(ReadOnlySpan<byte> file, bool? isRgb = null)
    {
        using var kept = new MemoryStream();
        JpegFrame? frame = null;
        int orientation = 1, scans = 0, position = 2;
        bool hasJfif = false;
        int? adobe = null;
        if (!file.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xD8])) throw Damaged();
        while (true)
        {
            byte marker = Marker(file, ref position);
            if (marker == 0xD9) break;
            if (marker is 0x00 or 0x01 or (>= 0xD0 and <= 0xD8) || file.Length - position < 2) throw Damaged();
            int start = position, length = BinaryPrimitives.ReadUInt16BigEndian(file[position..]);
            if (length < 2 || length > file.Length - position) throw Damaged();
            ReadOnlySpan<byte> segment = file.Slice(position + 2, length - 2);
            position += length;
            switch (marker)
            {
                case 0xC0 or 0xC1 or 0xC2:
                    if (frame is not null) throw Damaged();
                    frame = JpegFrame.Read(segment, isProgressive: marker == 0xC2);
                    break;
                case 0xDA:
                    if (frame is null) throw Damaged();
                    if (++scans > MaxScans) throw new InvalidMeasurementException($"The JPEG image has more than {MaxScans} scans.");
                    SkipScan(file, ref position);
                    break;
                case 0xC4 or 0xDB or 0xDD: break;
                case (>= 0xC3 and <= 0xCF) or 0xDC or 0xDE or 0xF7:
                    throw new InvalidMeasurementException(
                        "The JPEG image is lossless, hierarchical or arithmetically coded: save it as a baseline or progressive JPEG.");
                case 0xE0: hasJfif |= segment.StartsWith("JFIF\0"u8); continue;
                case 0xE1 when orientation == 1 && segment.StartsWith("Exif\0"u8): orientation = Imaging.Orientation.Of(segment); continue;
                case 0xEE: if (segment.Length >= 12 && segment.StartsWith("Adobe"u8)) adobe = segment[11]; continue;
                case (>= 0xE0 and <= 0xEF) or 0xFE: continue;
                default: throw Damaged();
            }

            byte[] bytes = [0xFF, marker, .. file[start..position]];
            if (marker is 0xC0 or 0xC1 or 0xC2 && frame is { Components.Count: 1 }) bytes[11] = 0x11; // the decoder would look for more blocks
            kept.Write(bytes);
        }

        if (frame is null || scans == 0) throw Damaged();
        byte[] rebuilt = [0xFF, 0xD8, .. ColourMarker(frame, hasJfif, adobe, isRgb), .. kept.ToArray(), 0xFF, 0xD9];
        var header = new ImageHeader(ImageFormat.Jpeg, frame.Components.Count == 1 ? 1 : 3, frame.Height, frame.Width, 8, 1, false);
        return new JpegContents(header, orientation, frame, rebuilt);
    }

    internal override float[] Decode()
    {
        JpegScans.Check(_file, _frame);
        float[] values = new float[(long)Header.Channels * Header.Height * Header.Width];
        int plane = Header.Height * Header.Width;
        if (Header.Channels == 1)
        {
            Pixels.Decode<L8>(_file, Header.Height, Header.Width, (y, row) =>
            {
                for (int x = 0; x < row.Length; x++) values[(y * Header.Width) + x] = row[x].PackedValue / 255f;
            });
        }
        else
        {
            Pixels.Decode<Rgb24>(_file, Header.Height, Header.Width, (y, row) =>
            {
                int at = y * Header.Width;
                foreach (Rgb24 pixel in row)
                {
                    (values[at], values[plane + at], values[(2 * plane) + at]) = (pixel.R / 255f, pixel.G / 255f, pixel.B / 255f);
                    at++;
                }
            });
        }

        return values;
    }

    /// <summary>The next marker; it may be preceded by fill bytes.</summary>
    internal static byte Marker(ReadOnlySpan<byte> file, ref int position)
    {
        if (position >= file.Length || file[position] != 0xFF) throw Damaged();
        while (position < file.Length && file[position] == 0xFF) position++;
        return position < file.Length ? file[position++] : throw Damaged();
    }

    // To the marker after the pixel data: FF 00 is a value, and restart markers belong to the data.
    private static void SkipScan(ReadOnlySpan<byte> file, ref int position)
    {
        while (true)
        {
            int at = file[position..].IndexOf((byte)0xFF);
            if (at < 0) throw Damaged();
            position += at;
            int after = position + 1;
            while (after < file.Length && file[after] == 0xFF) after++;
            if (after >= file.Length) throw Damaged();
            if (file[after] is not (0x00 or (>= 0xD0 and <= 0xD7))) return;
            position = after + 1;
        }
    }

    // The decoder gives Adobe's marker precedence. Its content follows libjpeg's rules.
    private static byte[] ColourMarker(JpegFrame frame, bool hasJfif, int? adobe, bool? isRgb)
    {
        byte[] ids = [.. frame.Components.Select(component => component.Id)];
        int transform;
        switch (ids.Length)
        {
            case 1: return [];
            case 3:
                bool rgb = isRgb ?? (!hasJfif && (adobe is { } colours ? colours == 0 : ids is [(byte)'R', (byte)'G', (byte)'B']));
                transform = rgb ? 0 : 1;
                break;
            default:
                // Adobe stores CMYK inverted; the convention of others is unknown.
                if (adobe is not (0 or 2))
                {
                    throw new InvalidMeasurementException("The JPEG image has four channels and does not state their colours: save it as grey or RGB.");
                }
                transform = adobe.Value;
                break;
        }

        return [0xFF, 0xEE, 0, 14, .. "Adobe"u8, 0, 100, 0, 0, 0, 0, (byte)transform];
    }
}
