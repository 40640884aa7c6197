using System.Buffers.Binary;
using System.Text;

namespace InverseSolver.Imaging;

/// <summary>
/// The header of a .npy file: magic, version, length and a Python dictionary with exactly the keys descr, fortran_order and
/// shape, in any order. Nothing else that Python could evaluate is accepted.
/// </summary>
internal ref struct NpyHeaderParser
{
    private const int MaxRank = 8;
    private const int MaxHeaderBytes = 64 * 1024;

    /// <summary>Bytes of the longest header that is read, with what stands before it.</summary>
    internal const int MaxBytes = MaxHeaderBytes + 12;

    private readonly string _text;
    private int _at;

    private NpyHeaderParser(string text) => _text = text;

    internal static NpyHeader Parse(ReadOnlySpan<byte> file)
    {
        if (!Npy.IsNpy(file)) throw new InvalidMeasurementException("The file is not a .npy array.");
        if (file.Length < 12) throw Invalid("it is truncated");
        int lengthBytes = (file[6], file[7]) switch
        {
            (1, 0) => 2,
            (2 or 3, 0) => 4,
            _ => throw Invalid("its version is not 1.0, 2.0 or 3.0"),
        };
        uint length = lengthBytes == 2 ? BinaryPrimitives.ReadUInt16LittleEndian(file[8..]) : BinaryPrimitives.ReadUInt32LittleEndian(file[8..]);
        int start = 8 + lengthBytes;
        if (length > MaxHeaderBytes) throw Invalid("it is too long");
        if (file.Length - start < length) throw Invalid("it is truncated");
        string text = Encoding.Latin1.GetString(file.Slice(start, (int)length));
        return new NpyHeaderParser(text).Dictionary(start + (int)length);
    }

    private NpyHeader Dictionary(int dataOffset)
    {
        (char Kind, int Bytes, bool Big)? type = null;
        bool? fortran = null;
        int[]? shape = null;
        Expect('{');
        while (!Take('}'))
        {
            string key = Quoted();
            Expect(':');
            switch (key)
            {
                case "descr" when type is null: type = ElementType(); break;
                case "fortran_order" when fortran is null: fortran = Truth(); break;
                case "shape" when shape is null: shape = Shape(); break;
                default: throw Invalid("it has a key twice or one that is not descr, fortran_order or shape");
            }
            if (Take(',')) continue;
            Expect('}');
            break;
        }
        SkipSpaces();
        if (_at != _text.Length) throw Invalid("something follows the dictionary");
        if (type is not { } t || fortran is not { } isFortran || shape is null) throw Invalid("descr, fortran_order or shape is missing");
        return new NpyHeader(shape, t.Kind, t.Bytes, t.Big, isFortran, dataOffset);
    }

    private (char Kind, int Bytes, bool Big) ElementType()
    {
        SkipSpaces();
        string descr = Peek() is '\'' or '"' ? Quoted() : throw Invalid("arrays of records are not supported");
        if (descr.Length >= 3 && descr[0] is '<' or '>' or '|')
        {
            string type = descr[1..];
            bool single = type is "b1" or "i1" or "u1";
            if (single || (descr[0] != '|' && type is "i2" or "u2" or "i4" or "u4" or "i8" or "u8" or "f2" or "f4" or "f8" or "c8" or "c16"))
                return (type[0], int.Parse(type[1..], null), descr[0] == '>');
        }
        throw new InvalidMeasurementException(
            "The .npy array's element type is not supported: use bool, an integer, float16, float32, float64, complex64 or complex128.");
    }

    private bool Truth()
    {
        SkipSpaces();
        foreach (bool value in (ReadOnlySpan<bool>)[true, false])
        {
            string word = value ? "True" : "False";
            if (_text.AsSpan(_at).StartsWith(word, StringComparison.Ordinal))
            {
                _at += word.Length;
                return value;
            }
        }
        throw Invalid("fortran_order is not True or False");
    }

    private int[] Shape()
    {
        var sizes = new List<int>();
        bool comma = false;
        Expect('(');
        while (!Take(')'))
        {
            if (sizes.Count == MaxRank) throw Invalid($"the array has more than {MaxRank} dimensions");
            if (sizes.Count > 0 && !comma) throw Invalid("shape is not a tuple");
            sizes.Add(Size());
            comma = Take(',');
        }
        if (sizes.Count == 1 && !comma) throw Invalid("shape is not a tuple");
        long count = 1;
        foreach (int size in sizes)
        {
            if (size > 0 && count > long.MaxValue / 16 / size) throw Invalid("the array is too large");
            count *= size;
        }
        return [.. sizes];
    }

    private int Size()
    {
        SkipSpaces();
        int start = _at;
        while (char.IsAsciiDigit(Peek())) _at++;
        return int.TryParse(_text.AsSpan(start, _at - start), null, out int size) ? size : throw Invalid("a size is not a number from 0 to 2147483647");
    }

    private string Quoted()
    {
        SkipSpaces();
        char quote = Peek();
        if (quote is not ('\'' or '"')) throw Invalid("a quoted word is missing");
        int end = _text.IndexOf(quote, _at + 1);
        if (end < 0) throw Invalid("a quotation does not end");
        string word = _text[(_at + 1)..end];
        _at = end + 1;
        return word;
    }

    private readonly char Peek() => _at < _text.Length ? _text[_at] : '\0';

    private void SkipSpaces()
    {
        while (Peek() is ' ' or '\n' or '\t') _at++;
    }

    private bool Take(char wanted)
    {
        SkipSpaces();
        if (Peek() != wanted) return false;
        _at++;
        return true;
    }

    private void Expect(char wanted)
    {
        if (!Take(wanted)) throw Invalid($"'{wanted}' is missing");
    }

    private static InvalidMeasurementException Invalid(string reason) => new($"The .npy header is not valid: {reason}.");
}
