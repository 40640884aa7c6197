using System.Buffers.Binary;
using SixLabors.ImageSharp.PixelFormats;

namespace InverseSolver.Imaging;

/// <summary>
/// A TIFF file in strips. The decoder unpacks each plane of samples as one grey image of whole numbers, since it clips floating-point samples to [0,1] and
/// treats each layout differently; the samples are interpreted here.
/// </summary>
internal sealed class TiffContents : ImageContents
{
    private const int MaxStrips = 1 << 20;
    private const long MaxStripBytes = 1 << 30;

    private readonly Layout _layout;
    private readonly byte[][] _strips;

    private TiffContents(ImageHeader header, int orientation, Layout layout, byte[][] strips)
        : base(header, orientation) => (_layout, _strips) = (layout, strips);

    private enum Packing
    {
        None = 1,
        Lzw = 5,
        Jpeg = 7,
        Deflate = 8,
        PackBits = 32773,
    }

    internal static TiffContents Open(ReadOnlySpan<byte> file)
    {
        if (!TiffDirectory.TryOpen(file, out TiffDirectory? tags, out int pages)) throw Damaged();
        if (tags.Has(322) || tags.Has(324)) throw new InvalidMeasurementException("The TIFF image is tiled: save it in strips.");
        Layout layout = ReadLayout(tags, file);
        bool isFloat = layout.IsFloat;
        var header = new ImageHeader(
            ImageFormat.Tiff, layout.Channels, layout.Height, layout.Width, isFloat ? 32 : layout.Bits == 16 ? 16 : 8, pages, layout.HasAlpha);
        int orientation = Imaging.Orientation.Of(tags, file);
        return new TiffContents(header, orientation, layout, pages > 1 ? [] : Strips(tags, file, layout));
    }

    internal override float[] Decode()
    {
        // Samples in the order of the file: by pixel, or, in planes, by plane.
        if (_layout.Packing == Packing.Jpeg) return DecodeJpeg();
        CheckStrips();
        int pixels = _layout.Height * _layout.Width, words = _layout.Words;
        float[] values = new float[(long)_layout.Channels * pixels];
        int perPlane = _strips.Length / _layout.Planes, samples = _layout.SamplesInPlane;
        for (int plane = 0; plane < _layout.Planes; plane++)
        {
            ReadOnlyMemory<byte[]> strips = _strips.AsMemory(plane * perPlane, perPlane);
            int first = plane;
            Pixels.Decode<L16>(File(strips.Span), _layout.Height, _layout.Width * samples * words, (y, row) =>
            {
                if (_layout.HasPredictor) UndoPredictor(row, samples);
                for (int x = 0, at = y * _layout.Width; x < _layout.Width; x++, at++)
                    for (int sample = 0; sample < samples; sample++)
                    {
                        Take(row.Slice(((x * samples) + sample) * words, words), first + sample, values, at, pixels);
                    }
            });
        }

        return values;
    }

    private void Take(ReadOnlySpan<L16> words, int sample, float[] values, int at, int pixels)
    {
        if (_layout.IsFloat)
        {
            float value = Float(words);
            if (!float.IsFinite(value)) throw new InvalidMeasurementException("The image holds values that are not finite.");
            values[(sample * pixels) + at] = value;
            return;
        }

        int word = words[0].PackedValue;
        if (_layout.Palette is { } palette)
        {
            int index = word / (65535 / ((1 << _layout.Bits) - 1)), entries = 1 << _layout.Bits;
            for (int channel = 0; channel < 3; channel++) values[(channel * pixels) + at] = palette[(channel * entries) + index] / 255f;
        }
        else if (sample < _layout.Channels) values[(sample * pixels) + at] = (_layout.IsInverted ? 65535 - word : word) / 65535f;
        else if (word != 65535) throw Transparent();
    }

    private float Float(ReadOnlySpan<L16> words)
    {
        ulong bits = 0;
        for (int i = 0; i < words.Length; i++) bits |= (ulong)words[i].PackedValue << (16 * (_layout.IsBigEndian ? words.Length - 1 - i : i));
        return words.Length == 2 ? BitConverter.UInt32BitsToSingle((uint)bits) : (float)BitConverter.UInt64BitsToDouble(bits);
    }

    // Differences from the sample to the left, modulo the range of the samples; 8-bit ones come as multiples of 257.
    private void UndoPredictor(Span<L16> row, int samples)
    {
        for (int x = samples; x < row.Length; x++)
        {
            int sum = row[x].PackedValue + row[x - samples].PackedValue;
            row[x].PackedValue = (ushort)(_layout.Bits == 8 ? sum / 257 % 256 * 257 : sum);
        }
    }

    private static Layout ReadLayout(TiffDirectory tags, ReadOnlySpan<byte> file)
    {
        ulong width = One(tags, file, 256);
        ulong height = One(tags, file, 257);
        ulong samples = One(tags, file, 277, 1);
        ulong photometric = One(tags, file, 262);
        ulong packing = One(tags, file, 259, 1);
        if (width is 0 or > int.MaxValue || height is 0 or > int.MaxValue || One(tags, file, 284, 1) is not (1 or 2) and var planar) throw Damaged();
        if (photometric is not (0 or 1 or 2 or 3 or 6) || (photometric == 6 && packing != 7))
            throw new InvalidMeasurementException("The image's colour space is not supported: use grey, RGB or a palette.");
        if (samples is 0 or > 4 || (photometric is 0 or 1 && samples > 2) || (photometric is 2 or 6 && samples < 3) || (photometric == 3 && samples != 1))
            throw new InvalidMeasurementException("The image must have 1 channel (grey) or 3 (RGB).");
        ulong[] bits = tags.Has(258) ? tags.Numbers(file, 258, (int)samples) ?? throw Damaged() : [1];
        ulong[] formats = tags.Has(339) ? tags.Numbers(file, 339, (int)samples) ?? throw Damaged() : [1];
        bool isFloat = formats[0] == 3;
        bool fits = isFloat
            ? bits[0] is 32 or 64
            : formats[0] is 1 or 4 && (bits[0] is 8 || (bits[0] == 16 && photometric != 3) || (bits[0] is 1 or 2 or 4 && samples == 1));
        if (!fits || bits.Any(b => b != bits[0]) || formats.Any(format => format != formats[0]))
            throw new InvalidMeasurementException("The image's samples must be unsigned 8-bit, unsigned 16-bit or floating-point numbers.");
        if (isFloat && (photometric is not (1 or 2) || samples is not (1 or 3)))
            throw new InvalidMeasurementException("A floating-point TIFF image must have 1 channel (grey, black is zero) or 3 (RGB).");
        if (!Enum.IsDefined((Packing)(packing == 32946 ? 8 : packing)) || (packing == 7 && (bits[0] != 8 || isFloat || samples == 2 || photometric is 0 or 3)))
            throw new InvalidMeasurementException(
                $"The TIFF image is compressed in a way that is not read ({packing}): save it uncompressed or with LZW, Deflate or PackBits.");
        if (One(tags, file, 266, 1) != 1)
        {
            throw new InvalidMeasurementException("The TIFF image's bytes are filled from the lowest bit (fill order 2): save it with fill order 1.");
        }
        ulong predictor = packing is 5 or 8 or 32946 ? One(tags, file, 317, 1) : 1;
        if (predictor is not (1 or 2) || (predictor == 2 && (isFloat || bits[0] is not (8 or 16))))
            throw new InvalidMeasurementException($"The TIFF image's predictor ({predictor}) is not read for its samples: save it without one.");

        byte[]? palette = null;
        if (photometric == 3)
        {
            ulong[] colours = tags.Numbers(file, 320, 3 << (int)bits[0]) is { } map && map.Length == 3 << (int)bits[0] ? map : throw Damaged();
            palette = [.. colours.Select(colour => (byte)(colour >> 8))];
        }

        ulong rows = Math.Min(One(tags, file, 278, height), height);
        if (rows == 0) throw Damaged();
        return new Layout(
            (int)height, (int)width, (int)bits[0], (int)samples, isFloat, photometric is 0, photometric == 6, palette, tags.IsBigEndian, predictor == 2,
            (Packing)(packing == 32946 ? 8 : packing), (int)rows, One(tags, file, 284, 1) == 2 && samples > 1, tags.Bytes(file, 347).ToArray());
    }

    private static ulong One(TiffDirectory tags, ReadOnlySpan<byte> file, ushort tag, ulong? otherwise = null) =>
        !tags.Has(tag) && otherwise is { } value ? value : tags.Numbers(file, tag, 1) is [var number] ? number : throw Damaged();

    private static byte[][] Strips(TiffDirectory tags, ReadOnlySpan<byte> file, Layout layout)
    {
        ulong[] offsets = tags.Numbers(file, 273, MaxStrips) ?? throw Damaged(), counts = tags.Numbers(file, 279, MaxStrips) ?? throw Damaged();
        int needed = layout.StripsInPlane * layout.Planes;
        if (offsets.Length < needed || counts.Length < needed) throw Damaged();
        var strips = new byte[needed][];
        long total = 0;
        for (int i = 0; i < needed; i++)
        {
            if (offsets[i] > (ulong)file.Length || counts[i] > (ulong)file.Length - offsets[i] || (total += (long)counts[i]) > file.Length) throw Damaged();
            strips[i] = file.Slice((int)offsets[i], (int)counts[i]).ToArray();
        }

        return strips;
    }

    // The decoder leaves a strip as it was where its data end early.
    private void CheckStrips()
    {
        if (_layout.RowBytes > int.MaxValue / 16 || _layout.RowBytes * _layout.RowsInStrip > MaxStripBytes)
            throw new InvalidMeasurementException("The TIFF image's strips are too large: save it with fewer rows in a strip.");
        for (int i = 0; i < _strips.Length; i++)
        {
            byte[] strip = _strips[i];
            long needed = _layout.RowBytes * _layout.RowsOf(i % _layout.StripsInPlane);
            bool isWhole = _layout.Packing switch
            {
                Packing.None => strip.Length >= needed,
                Packing.PackBits => TiffStrip.HasPackBits(strip, needed),
                Packing.Lzw => TiffStrip.HasLzw(strip, needed),
                _ => TiffStrip.HasDeflate(strip, needed, _layout.RowBytes * _layout.RowsInStrip),
            };
            if (!isWhole) throw Damaged();
        }
    }

    private float[] DecodeJpeg()
    {
        int pixels = _layout.Height * _layout.Width;
        float[] values = new float[(long)_layout.Channels * pixels];
        for (int i = 0; i < _strips.Length; i++)
        {
            (int plane, int strip) = (i / _layout.StripsInPlane, i % _layout.StripsInPlane);
            // The tables, a JPEG file without pixels, go before the strip's own.
            byte[] file = _layout.JpegTables.Length > 4 ? [.. _layout.JpegTables[..^2], .. _strips[i].AsSpan(Math.Min(2, _strips[i].Length))] : _strips[i];
            JpegContents part = JpegContents.Open(file, isRgb: !_layout.IsYCbCr);
            int rows = _layout.RowsOf(strip);
            if (part.Header.Channels != _layout.SamplesInPlane || part.Header.Width != _layout.Width || part.Header.Height != rows) throw Damaged();
            float[] decoded = part.Decode();
            for (int channel = 0; channel < part.Header.Channels; channel++)
                decoded.AsSpan(channel * rows * _layout.Width, rows * _layout.Width).CopyTo(values.AsSpan(
                    ((plane + channel) * pixels) + (strip * _layout.RowsInStrip * _layout.Width)));
        }

        return values;
    }

    // One plane as a grey TIFF file: a directory of nothing but what unpacking takes, and the strips.
    private byte[] File(ReadOnlySpan<byte[]> strips)
    {
        const int Short = 3, Long = 4;
        (uint Tag, uint Type, uint Value)[] tags =
        [
            (256, Long, (uint)(_layout.Width * _layout.SamplesInPlane * _layout.Words)), (257, Long, (uint)_layout.Height),
            (258, Short, _layout.Bits >= 16 ? 16u : (uint)_layout.Bits),
            (259, Short, (uint)_layout.Packing), (262, Short, 1), (273, Long, 0), (277, Short, 1), (278, Long, (uint)_layout.RowsInStrip), (279, Long, 0),
        ];
        int listAt = 8 + 2 + (12 * tags.Length) + 4, dataAt = listAt + (8 * strips.Length);
        using var file = new MemoryStream();
        file.Write(_layout.IsBigEndian ? "MM\0*"u8 : "II*\0"u8);
        Write(8, 4);
        Write((uint)tags.Length, 2);
        foreach ((uint tag, uint type, uint value) in tags)
        {
            Write(tag, 2);
            Write(type, 2);
            Write(tag is 273 or 279 ? (uint)strips.Length : 1, 4);
            // A list of one stands in the entry itself.
            Write(tag switch
            {
                273 => (uint)(strips.Length == 1 ? dataAt : listAt),
                279 => (uint)(strips.Length == 1 ? strips[0].Length : listAt + (4 * strips.Length)),
                _ => value,
            }, type == Short ? 2 : 4);
            if (type == Short) Write(0, 2);
        }

        Write(0, 4);
        long at = dataAt;
        foreach (byte[] strip in strips)
        {
            Write((uint)at, 4);
            at += strip.Length;
        }

        foreach (byte[] strip in strips) Write((uint)strip.Length, 4);
        foreach (byte[] strip in strips) file.Write(strip);
        return file.ToArray();

        void Write(uint number, int bytes)
        {
            Span<byte> four = stackalloc byte[4];
            if (_layout.IsBigEndian)
            {
                BinaryPrimitives.WriteUInt32BigEndian(four, number);
                file.Write(four[(4 - bytes)..]);
            }
            else
            {
                BinaryPrimitives.WriteUInt32LittleEndian(four, number);
                file.Write(four[..bytes]);
            }
        }
    }

    /// <summary>The layout of the samples, from the tags.</summary>
    private sealed record Layout(
        int Height, int Width, int Bits, int Samples, bool IsFloat, bool IsInverted, bool IsYCbCr, byte[]? Palette, bool IsBigEndian, bool HasPredictor,
        Packing Packing, int RowsInStrip, bool IsPlanar, byte[] JpegTables)
    {
        internal int Channels => Palette is not null || Samples > 2 ? 3 : 1;

        internal bool HasAlpha => Samples is 2 or 4;

        internal int Planes => IsPlanar ? Samples : 1;

        internal int SamplesInPlane => IsPlanar ? 1 : Samples;

        /// <summary>Whole numbers of 16 bits, or of fewer, for one sample.</summary>
        internal int Words => Math.Max(1, Bits / 16);

        internal long RowBytes => (((long)Width * SamplesInPlane * Bits) + 7) / 8;

        internal int StripsInPlane => ((Height - 1) / RowsInStrip) + 1;

        internal int RowsOf(int strip) => Math.Min(RowsInStrip, Height - (strip * RowsInStrip));
    }
}
