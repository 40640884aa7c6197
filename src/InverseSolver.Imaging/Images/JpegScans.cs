namespace InverseSolver.Imaging;

/// <summary>
/// Reads the Huffman codes of all scans (ITU-T T.81, annexes F and G) without keeping coefficients, to check that no block is missing and no data are left
/// over, because the decoder invents missing blocks.
/// </summary>
internal sealed class JpegScans
{
    private readonly byte[] _file;
    private readonly JpegFrame _frame;
    private readonly (byte[] Lengths, byte[] Values)?[] _tables = new (byte[], byte[])?[8];
    private readonly ushort[]?[] _lookups = new ushort[8][];
    private readonly ulong[][] _nonzero;
    private readonly sbyte[,] _bits; // which are still to come of each coefficient; -1: all
    private int _restartInterval;

    // Bits of the pixel data that were read ahead, up to a marker.
    private int _position;
    private ulong _ahead;
    private int _count;
    private int _endOfBand;

    private JpegScans(byte[] file, JpegFrame frame)
    {
        (_file, _frame) = (file, frame);
        _nonzero = new ulong[frame.Components.Count][];
        _bits = new sbyte[frame.Components.Count, 64];
        for (int i = 0; i < frame.Components.Count; i++)
            for (int k = 0; k < 64; k++) _bits[i, k] = -1;
    }

    /// <summary>Goes through a file that <see cref="JpegContents"/> rebuilt.</summary>
    /// <exception cref="InvalidMeasurementException">A code is wrong, or blocks are missing or too many.</exception>
    internal static void Check(byte[] file, JpegFrame frame) => new JpegScans(file, frame).Run();

    private void Run()
    {
        _position = 2;
        while (true)
        {
            byte marker = JpegContents.Marker(_file, ref _position);
            if (marker == 0xD9) break;
            // Restart markers that no scan asked for are here as well.
            if (marker is not (0xC0 or 0xC1 or 0xC2 or 0xC4 or 0xDA or 0xDB or 0xDD or 0xEE)) throw ImageContents.Damaged();
            int length = (_file[_position] << 8) | _file[_position + 1];
            ReadOnlySpan<byte> segment = _file.AsSpan(_position + 2, length - 2);
            _position += length;
            if (marker == 0xC4) Tables(segment);
            else if (marker == 0xDD) _restartInterval = segment.Length == 2 ? (segment[0] << 8) | segment[1] : throw ImageContents.Damaged();
            else if (marker == 0xDA) Scan(segment);
        }

        // A progressive image that ends between two scans is coarser than it was.
        foreach (sbyte bits in _bits)
            if (bits != 0) throw ImageContents.Damaged();
    }

    private void Tables(ReadOnlySpan<byte> segment)
    {
        while (segment.Length > 0)
        {
            if (segment.Length < 17 || (segment[0] & 0xEC) != 0) throw ImageContents.Damaged();
            byte[] lengths = segment[1..17].ToArray();
            int count = lengths.Sum(length => length), slot = ((segment[0] >> 4) * 4) + (segment[0] & 3);
            if (count > 256 || segment.Length < 17 + count) throw ImageContents.Damaged();
            if (slot < 4 && segment.Slice(17, count).ContainsAnyExceptInRange((byte)0, (byte)15)) throw ImageContents.Damaged();
            _tables[slot] = (lengths, segment.Slice(17, count).ToArray());
            _lookups[slot] = null;
            segment = segment[(17 + count)..];
        }
    }

    // For each 16 bits the length of the code that they begin with and its value; 0 where there is none.
    private ushort[] Lookup(int slot)
    {
        if (_lookups[slot] is { } known) return known;
        (byte[] lengths, byte[] values) = _tables[slot] ?? throw ImageContents.Damaged();
        var lookup = new ushort[1 << 16];
        int code = 0, used = 0;
        for (int length = 1; length <= 16; length++)
        {
            for (int i = 0; i < lengths[length - 1]; i++, code++)
            {
                if (code >= 1 << length) throw ImageContents.Damaged();
                lookup.AsSpan(code << (16 - length), 1 << (16 - length)).Fill((ushort)((length << 8) | values[used++]));
            }

            code <<= 1;
        }

        return _lookups[slot] = lookup;
    }

    private void Scan(ReadOnlySpan<byte> segment)
    {
        if (segment.Length < 1 || segment[0] is 0 or > 4 || segment.Length != 4 + (2 * segment[0])) throw ImageContents.Damaged();
        var parts = new List<(int Index, int Dc, int Ac)>();
        for (int i = 0; i < segment[0]; i++)
        {
            (byte id, byte tables) = (segment[1 + (2 * i)], segment[2 + (2 * i)]);
            int index = _frame.Components.ToList().FindIndex(component => component.Id == id);
            if (index < 0 || (tables & 0xCC) != 0 || parts.Exists(part => part.Index == index)) throw ImageContents.Damaged();
            parts.Add((index, tables >> 4, 4 + (tables & 15)));
        }

        (int first, int last, int high, int low) = (segment[^3], segment[^2], segment[^1] >> 4, segment[^1] & 15);
        if (_frame.IsProgressive) CheckProgression(parts, first, last, high, low);
        else
        {
            if (first != 0 || last != 63 || high != 0 || low != 0) throw ImageContents.Damaged();
            // The decoder takes such scans, which the standard allows, for whole ones.
            if (parts.Count > 1 && parts.Count != _frame.Components.Count)
                throw new InvalidMeasurementException("The JPEG image has scans of some of its channels: save it with one scan for all, or one for each.");
            foreach ((int index, _, _) in parts)
            {
                if (_bits[index, 0] >= 0) throw ImageContents.Damaged();
                for (int k = 0; k < 64; k++) _bits[index, k] = 0;
            }
        }

        Action<(int Index, int Dc, int Ac), int> block = Reader(first, last, high, low);
        (_ahead, _count, _endOfBand) = (0, 0, 0);
        int restarts = 0, left = _restartInterval;
        if (parts.Count == 1)
        {
            (int rows, int columns) = _frame.BlocksOf(_frame.Components[parts[0].Index]);
            int stride = Stride(parts[0].Index);
            for (int row = 0; row < rows; row++)
            {
                for (int column = 0; column < columns; column++)
                {
                    Restart(ref left, ref restarts);
                    block(parts[0], (row * stride) + column);
                }
            }
        }
        else
        {
            for (int row = 0; row < _frame.McuRows; row++)
            {
                for (int column = 0; column < _frame.McuColumns; column++)
                {
                    Restart(ref left, ref restarts);
                    foreach ((int Index, int Dc, int Ac) part in parts)
                    {
                        JpegFrame.Component component = _frame.Components[part.Index];
                        int stride = Stride(part.Index);
                        for (int y = 0; y < component.Down; y++)
                            for (int x = 0; x < component.Across; x++) block(part, (((row * component.Down) + y) * stride) + (column * component.Across) + x);
                    }
                }
            }
        }

        EndOfData();
    }

    private int Stride(int index) => _frame.McuColumns * _frame.Components[index].Across;

    // As in libjpeg: each coefficient is sent first and then made one bit finer at a time, direct current before the rest.
    private void CheckProgression(List<(int Index, int Dc, int Ac)> parts, int first, int last, int high, int low)
    {
        bool fits = first == 0 ? last == 0 : first <= last && last <= 63 && parts.Count == 1;
        if (!fits || low > 13 || (high != 0 && high - 1 != low)) throw ImageContents.Damaged();
        foreach ((int index, _, _) in parts)
        {
            if (first > 0 && _bits[index, 0] < 0) throw ImageContents.Damaged();
            for (int k = first; k <= last; k++)
            {
                if (Math.Max(_bits[index, k], (sbyte)0) != high || (high == 0 && _bits[index, k] >= 0)) throw ImageContents.Damaged();
                _bits[index, k] = (sbyte)low;
            }

            if (first > 0) _nonzero[index] ??= new ulong[Stride(index) * _frame.McuRows * _frame.Components[index].Down];
        }
    }

    private Action<(int Index, int Dc, int Ac), int> Reader(int first, int last, int high, int low) =>
        !_frame.IsProgressive ? (part, _) => Baseline(Lookup(part.Dc), Lookup(part.Ac))
        : first == 0 && high == 0 ? (part, _) => Skip(Size(Lookup(part.Dc)))
        : first == 0 ? (_, _) => Skip(1)
        : high == 0 ? (part, block) => First(Lookup(part.Ac), ref _nonzero[part.Index][block], first, last)
        : (part, block) => Refine(Lookup(part.Ac), ref _nonzero[part.Index][block], first, last);

    private void Baseline(ushort[] dc, ushort[] ac)
    {
        Skip(Size(dc));
        for (int k = 1; k < 64; k++)
        {
            (int run, int size) = Symbol(ac);
            if (size == 0 && run < 15) break;
            k += run;
            if (k > 63) throw ImageContents.Damaged();
            Skip(size);
        }
    }

    private void First(ushort[] table, ref ulong nonzero, int first, int last)
    {
        if (_endOfBand > 0)
        {
            _endOfBand--;
            return;
        }

        for (int k = first; k <= last; k++)
        {
            (int run, int size) = Symbol(table);
            if (size == 0 && run < 15)
            {
                _endOfBand = (1 << run) + Bits(run) - 1;
                break;
            }

            k += run;
            if (k > last) throw ImageContents.Damaged();
            if (size > 0) nonzero |= 1UL << k;
            Skip(size);
        }
    }

    private void Refine(ushort[] table, ref ulong nonzero, int first, int last)
    {
        int k = first;
        if (_endOfBand == 0)
        {
            for (; k <= last; k++)
            {
                (int run, int size) = Symbol(table);
                if (size > 1) throw ImageContents.Damaged();
                if (size == 0 && run < 15)
                {
                    _endOfBand = (1 << run) + Bits(run);
                    break;
                }

                Skip(size);
                for (; k <= last; k++)
                {
                    if ((nonzero >> k & 1) != 0) Skip(1);
                    else if (--run < 0) break;
                }

                if (size == 0) continue;
                if (k > last) throw ImageContents.Damaged();
                nonzero |= 1UL << k;
            }
        }

        if (_endOfBand == 0) return;
        for (; k <= last; k++)
            if ((nonzero >> k & 1) != 0) Skip(1);
        _endOfBand--;
    }

    private void Restart(ref int left, ref int restarts)
    {
        if (_restartInterval == 0) return;
        if (left-- > 0) return;
        EndOfData();
        if (JpegContents.Marker(_file, ref _position) != 0xD0 + (restarts++ & 7)) throw ImageContents.Damaged();
        (_ahead, _count, _endOfBand, left) = (0, 0, 0, _restartInterval - 1);
    }

    // At most seven bits fill the last byte, and a marker follows.
    private void EndOfData()
    {
        if (_count > 7) throw ImageContents.Damaged();
        int position = _position;
        if (_file[position] != 0xFF) throw ImageContents.Damaged();
        while (_file[position] == 0xFF) position++;
        if (_file[position] == 0) throw ImageContents.Damaged();
    }

    private (int Run, int Size) Symbol(ushort[] table)
    {
        int symbol = Code(table);
        return (symbol >> 4, symbol & 15);
    }

    private int Size(ushort[] table)
    {
        int size = Code(table);
        return size <= 15 ? size : throw ImageContents.Damaged();
    }

    private int Code(ushort[] table)
    {
        Fill();
        int found = table[(ushort)(_count >= 16 ? _ahead >> (_count - 16) : _ahead << (16 - _count))];
        int length = found >> 8;
        if (length == 0 || length > _count) throw ImageContents.Damaged();
        _count -= length;
        return found & 0xFF;
    }

    private int Bits(int count)
    {
        Fill();
        if (count > _count) throw ImageContents.Damaged();
        _count -= count;
        return (int)(_ahead >> _count) & ((1 << count) - 1);
    }

    private void Skip(int count)
    {
        for (; count > 16; count -= 16) Bits(16);
        Bits(count);
    }

    private void Fill()
    {
        while (_count <= 24 && _position < _file.Length)
        {
            int value = _file[_position];
            if (value == 0xFF)
            {
                int next = _position + 1;
                while (next < _file.Length && _file[next] == 0xFF) next++;
                if (next >= _file.Length || _file[next] != 0) return;
                _position = next;
            }

            _position++;
            _ahead = (_ahead << 8) | (byte)value;
            _count += 8;
        }
    }
}
