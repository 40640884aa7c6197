using System.Buffers.Binary;
using SixLabors.ImageSharp.PixelFormats;

namespace InverseSolver.Imaging;

/// <summary>
/// A WebP file: chunks up to the length that its head states. The decoder gets the image and its alpha; EXIF, profiles and texts are ignored.
/// </summary>
internal sealed class WebPContents : ImageContents
{
    private const int Beyond = 64;
    private readonly byte[] _image;
    private readonly byte[] _alpha;
    private readonly bool _isLossless;

    private WebPContents(ImageHeader header, int orientation, ReadOnlySpan<byte> image = default, ReadOnlySpan<byte> alpha = default, bool isLossless = false)
        : base(header, orientation) => (_image, _alpha, _isLossless) = (image.ToArray(), alpha.ToArray(), isLossless);

    internal static WebPContents Open(ReadOnlySpan<byte> file)
    {
        uint size = BinaryPrimitives.ReadUInt32LittleEndian(file[4..]);
        if (size < 4 || size > file.Length - 8) throw Damaged();
        ReadOnlySpan<byte> left = file[12..(8 + (int)size)], image = default, alpha = default, extended = default;
        int orientation = 1, frames = 0;
        bool isLossless = false;
        while (left.Length > 0)
        {
            if (left.Length < 8) throw Damaged();
            uint length = BinaryPrimitives.ReadUInt32LittleEndian(left[4..]);
            if (length > left.Length - 8) throw Damaged();
            ReadOnlySpan<byte> type = left[..4], chunk = left.Slice(8, (int)length);
            bool isFirst = extended.IsEmpty && image.IsEmpty;
            if (type.SequenceEqual("VP8X"u8) && isFirst) extended = chunk;
            else if ((type.SequenceEqual("VP8 "u8) || type.SequenceEqual("VP8L"u8)) && image.IsEmpty)
            {
                image = chunk;
                isLossless = type[3] == 'L';
            }
            else if (isFirst) throw Damaged();
            else if (type.SequenceEqual("ALPH"u8) && alpha.IsEmpty && image.IsEmpty) alpha = chunk;
            else if (type.SequenceEqual("ANMF"u8)) frames++;
            else if (type.SequenceEqual("EXIF"u8)) orientation = Imaging.Orientation.Of(chunk);
            left = left[(8 + (int)Math.Min(length + (length & 1), (uint)left.Length - 8))..];
        }

        if (extended.Length is not (0 or 10)) throw Damaged();
        if (frames > 0 || (extended.Length > 0 && (extended[0] & 2) != 0))
        {
            // The decoder reads no animations, not even of one picture.
            (int rows, int columns) = extended.Length > 0 ? Canvas(extended) : throw Damaged();
            if (frames < 2) throw new InvalidMeasurementException("The WebP image is an animation: save it as a single image.");
            return new WebPContents(new ImageHeader(ImageFormat.WebP, 3, rows, columns, 8, frames, (extended[0] & 16) != 0), orientation);
        }

        (int height, int width, bool hasAlpha) = isLossless ? Lossless(image) : Lossy(image);
        if (extended.Length > 0 && Canvas(extended) != (height, width)) throw Damaged();
        if (isLossless) alpha = default;
        var header = new ImageHeader(ImageFormat.WebP, 3, height, width, 8, 1, hasAlpha || alpha.Length > 0);
        return new WebPContents(header, orientation, image, alpha, isLossless);
    }

    // The decoder reads beyond the end of its data. Where the bytes there change the image, data are missing.
    internal override float[] Decode()
    {
        int plane = Header.Height * Header.Width;
        float[] values = new float[3L * plane];
        Pixels.Decode<Rgba32>(File(0x55), Header.Height, Header.Width, (y, row) =>
        {
            int at = y * Header.Width;
            foreach (Rgba32 pixel in row)
            {
                if (Header.HasAlpha && pixel.A != 255) throw Transparent();
                (values[at], values[plane + at], values[(2 * plane) + at]) = (pixel.R / 255f, pixel.G / 255f, pixel.B / 255f);
                at++;
            }
        });
        Pixels.Decode<Rgba32>(File(0xAA), Header.Height, Header.Width, (y, row) =>
        {
            int at = y * Header.Width;
            foreach (Rgba32 pixel in row)
            {
                if (values[at] != pixel.R / 255f || values[plane + at] != pixel.G / 255f || values[(2 * plane) + at] != pixel.B / 255f) throw Damaged();
                at++;
            }
        });
        return values;
    }

    private static (int Height, int Width) Canvas(ReadOnlySpan<byte> extended) => (1 + Three(extended[7..]), 1 + Three(extended[4..]));

    private static int Three(ReadOnlySpan<byte> bytes) => bytes[0] | (bytes[1] << 8) | (bytes[2] << 16);

    // The head of the bit stream: RFC 6386, section 9.1.
    private static (int Height, int Width, bool HasAlpha) Lossy(ReadOnlySpan<byte> image)
    {
        if (image.Length < 10 || !image[3..].StartsWith((ReadOnlySpan<byte>)[0x9D, 0x01, 0x2A])) throw Damaged();
        int width = BinaryPrimitives.ReadUInt16LittleEndian(image[6..]) & 0x3FFF, height = BinaryPrimitives.ReadUInt16LittleEndian(image[8..]) & 0x3FFF;
        if (width == 0 || height == 0 || Three(image) >> 5 > image.Length - 10) throw Damaged();
        return (height, width, false);
    }

    // RFC 9649, section 3.4.
    private static (int Height, int Width, bool HasAlpha) Lossless(ReadOnlySpan<byte> image)
    {
        if (image.Length < 5 || image[0] != 0x2F) throw Damaged();
        uint bits = BinaryPrimitives.ReadUInt32LittleEndian(image[1..]);
        return bits >> 29 == 0 ? (1 + (int)(bits >> 14 & 0x3FFF), 1 + (int)(bits & 0x3FFF), (bits >> 28 & 1) != 0) : throw Damaged();
    }

    // Bytes that mean nothing follow the image's data; of a lossy image also its first partition, whose length stands in its first three bytes.
    private byte[] File(byte beyond)
    {
        byte[] more = [.. Enumerable.Range(0, Beyond).Select(i => (byte)(beyond ^ (i * 37)))];
        byte[] image;
        if (_isLossless) image = [.. _image, .. more];
        else
        {
            int head = Three(_image), first = 10 + (head >> 5);
            head += Beyond << 5;
            if (head > 0xFFFFFF) throw Damaged();
            image = [(byte)head, (byte)(head >> 8), (byte)(head >> 16), .. _image.AsSpan(3, first - 3), .. more, .. _image.AsSpan(first), .. more];
        }

        byte[] alpha = _alpha.Length == 0 ? [] : [.. Chunk("VP8X"u8, [16, 0, 0, 0, .. Size(Header.Width), .. Size(Header.Height)]), .. Chunk("ALPH"u8, _alpha)];
        byte[] chunks = [.. "WEBP"u8, .. alpha, .. Chunk(_isLossless ? "VP8L"u8 : "VP8 "u8, image)];
        // After the last chunk the decoder mistakes a padding byte for another chunk.
        byte[] file = [.. "RIFF"u8, 0, 0, 0, 0, .. chunks.AsSpan(0, chunks.Length - (image.Length & 1))];
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(4), chunks.Length);
        return file;

        static byte[] Size(int pixels) => [(byte)(pixels - 1), (byte)((pixels - 1) >> 8), (byte)((pixels - 1) >> 16)];
    }

    private static byte[] Chunk(ReadOnlySpan<byte> type, ReadOnlySpan<byte> data)
    {
        byte[] chunk = new byte[8 + data.Length + (data.Length & 1)];
        type.CopyTo(chunk);
        BinaryPrimitives.WriteInt32LittleEndian(chunk.AsSpan(4), data.Length);
        data.CopyTo(chunk.AsSpan(8));
        return chunk;
    }
}
