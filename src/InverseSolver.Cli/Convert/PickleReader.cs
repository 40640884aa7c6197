using System.Buffers.Binary;
using System.Text;
using InverseSolver.Diffusion;

namespace InverseSolver.Cli.Convert;

/// <summary>
/// Reads the pickle of a PyTorch checkpoint: dictionaries, lists, numbers, texts and descriptions of tensors. It has no way to call anything: what a
/// pickle names is compared with <see cref="PickleGlobals"/>, and every other name ends the reading. No value is visited recursively, so nesting costs
/// no stack, and every step is counted.
/// </summary>
internal ref struct PickleReader
{
    /// <summary>The largest pickle that is read. Those of Stable Diffusion with an optimizer's state have about one mebibyte.</summary>
    internal const int MaxBytes = 64 << 20;

    /// <summary>The most steps of a pickle. A tensor takes about fifty.</summary>
    internal const int MaxSteps = 4_000_000;

    private const int MaxNameLength = 4096, MaxDimensions = 16;
    private static readonly object MarkOnStack = new();

    private readonly ReadOnlySpan<byte> _bytes;
    private readonly string _file;
    private readonly List<object?> _stack = [];
    private readonly List<int> _marks = [];
    private readonly Dictionary<uint, object?> _memo = [];
    private int _at;

    private PickleReader(ReadOnlySpan<byte> bytes, string file)
    {
        _bytes = bytes;
        _file = file;
    }

    /// <summary>Reads one pickle.</summary>
    /// <param name="bytes">The pickle.</param>
    /// <param name="file">The file's name, for messages.</param>
    /// <returns>Its content: the records of this folder, texts, numbers, arrays for tuples.</returns>
    /// <exception cref="InvalidModelException">It is damaged, too large, or contains a name that is not allowed.</exception>
    internal static object? Read(ReadOnlySpan<byte> bytes, string file)
    {
        var reader = new PickleReader(bytes, file);
        for (int step = 0; step < MaxSteps; step++)
        {
            byte code = reader.Take(1)[0];
            if (code == (byte)'.')
            {
                return reader.Pop();
            }

            reader.Run(code);
        }

        throw new InvalidModelException($"{file}: the pickle has more than {MaxSteps} steps.");
    }

    private void Run(byte code)
    {
        switch (code)
        {
            case 0x80: Protocol(Take(1)[0]); break;
            case 0x95: Take(8); break;
            case (byte)'}': _stack.Add(new PickleDictionary()); break;
            case (byte)']' or 0x8F: _stack.Add(new PickleList()); break;
            case (byte)')': _stack.Add(Array.Empty<object?>()); break;
            case (byte)'N': _stack.Add(null); break;
            case 0x88: _stack.Add(true); break;
            case 0x89: _stack.Add(false); break;
            case (byte)'(': Mark(); break;
            case (byte)'0': Pop(); break;
            case (byte)'1': PopMark(); break;
            case (byte)'2': _stack.Add(Peek()); break;
            case (byte)'q': _memo[Take(1)[0]] = Peek(); break;
            case (byte)'r': _memo[BinaryPrimitives.ReadUInt32LittleEndian(Take(4))] = Peek(); break;
            case 0x94: _memo[(uint)_memo.Count] = Peek(); break;
            case (byte)'h': Recall(Take(1)[0]); break;
            case (byte)'j': Recall(BinaryPrimitives.ReadUInt32LittleEndian(Take(4))); break;
            case (byte)'K': _stack.Add((long)Take(1)[0]); break;
            case (byte)'M': _stack.Add((long)BinaryPrimitives.ReadUInt16LittleEndian(Take(2))); break;
            case (byte)'J': _stack.Add((long)BinaryPrimitives.ReadInt32LittleEndian(Take(4))); break;
            case 0x8A: _stack.Add(Integer(Take(Take(1)[0]))); break;
            case 0x8B: _stack.Add(Integer(Take(BinaryPrimitives.ReadInt32LittleEndian(Take(4))))); break;
            case (byte)'G': _stack.Add(BinaryPrimitives.ReadDoubleBigEndian(Take(8))); break;
            case 0x8C: _stack.Add(Text(Take(1)[0])); break;
            case (byte)'X': _stack.Add(Text(BinaryPrimitives.ReadUInt32LittleEndian(Take(4)))); break;
            case 0x8D: _stack.Add(Text(BinaryPrimitives.ReadUInt64LittleEndian(Take(8)))); break;
            case (byte)'U' or (byte)'C': Skip(Take(1)[0]); break;
            case (byte)'T' or (byte)'B': Skip(BinaryPrimitives.ReadUInt32LittleEndian(Take(4))); break;
            case 0x8E or 0x96: Skip(BinaryPrimitives.ReadUInt64LittleEndian(Take(8))); break;
            case (byte)'c': _stack.Add(Named(Line(), Line())); break;
            case 0x93: StackGlobal(); break;
            case (byte)'t': _stack.Add(PopMark()); break;
            case 0x85: _stack.Add(new[] { Pop() }); break;
            case 0x86: Tuple(2); break;
            case 0x87: Tuple(3); break;
            case (byte)'l' or 0x91: ListOf(PopMark()); break;
            case (byte)'d': DictionaryOf(PopMark()); break;
            case (byte)'a': Append(Pop()); break;
            case (byte)'e' or 0x90: Extend(PopMark()); break;
            case (byte)'s': { object? value = Pop(); SetItems([Pop(), value]); break; }
            case (byte)'u': SetItems(PopMark()); break;
            case (byte)'Q': Persistent(Pop()); break;
            case (byte)'R' or 0x81: { object? arguments = Pop(); _stack.Add(Made(Pop(), arguments)); break; }
            case 0x92: { Pop(); object? arguments = Pop(); _stack.Add(Made(Pop(), arguments)); break; }
            case (byte)'b': Build(Pop()); break;
            case (byte)'I' or (byte)'L' or (byte)'F' or (byte)'S' or (byte)'V' or (byte)'P' or (byte)'i' or (byte)'o' or (byte)'g' or (byte)'p':
                throw Damaged("it is written in pickle's oldest protocol, which PyTorch does not use");
            default: throw Damaged($"byte {_at - 1} is not a known opcode (0x{code:X2})");
        }
    }

    private readonly void Protocol(byte version)
    {
        if (version is < 2 or > 5)
        {
            throw Damaged($"its protocol is {version}; 2 to 5 are read");
        }
    }

    private ReadOnlySpan<byte> Take(long count)
    {
        if (count < 0 || count > _bytes.Length - _at)
        {
            throw Damaged("it ends too early");
        }

        _at += (int)count;
        return _bytes.Slice(_at - (int)count, (int)count);
    }

    private readonly object? Peek() => _stack.Count > Floor ? _stack[^1] : throw Damaged("it pops from an empty stack");

    private object? Pop()
    {
        object? value = Peek();
        _stack.RemoveAt(_stack.Count - 1);
        return value;
    }

    // Nothing below a mark can be popped.
    private readonly int Floor => _marks.Count == 0 ? 0 : _marks[^1] + 1;

    private void Mark()
    {
        _marks.Add(_stack.Count);
        _stack.Add(MarkOnStack);
    }

    private object?[] PopMark()
    {
        if (_marks.Count == 0)
        {
            throw Damaged("it has no mark where one is needed");
        }

        int mark = _marks[^1];
        object?[] items = [.. _stack[(mark + 1)..]];
        _marks.RemoveAt(_marks.Count - 1);
        _stack.RemoveRange(mark, _stack.Count - mark);
        return items;
    }

    private void Recall(uint index) =>
        _stack.Add(_memo.TryGetValue(index, out object? value) ? value : throw Damaged($"it recalls {index}, which was never stored"));

    // Only sizes and offsets matter, and they fit into 64 bits.
    private static object Integer(ReadOnlySpan<byte> digits)
    {
        if (digits.Length > 8)
        {
            return new PickleOpaque("int");
        }

        long value = digits.Length > 0 && digits[^1] >= 0x80 ? -1 : 0;
        for (int i = digits.Length - 1; i >= 0; i--)
        {
            value = (value << 8) | digits[i];
        }

        return value;
    }

    private string Text(ulong length) => length <= MaxBytes ? Encoding.UTF8.GetString(Take((long)length)) : throw Damaged("it ends too early");

    private void Skip(ulong length)
    {
        Take(length <= MaxBytes ? (long)length : -1);
        _stack.Add(new PickleOpaque("bytes"));
    }

    private string Line()
    {
        ReadOnlySpan<byte> rest = _bytes[_at..Math.Min(_bytes.Length, _at + MaxNameLength)];
        int end = rest.IndexOf((byte)'\n');
        return end >= 0 ? Encoding.UTF8.GetString(Take(end + 1)[..end]) : throw Damaged("a name in it does not end");
    }

    private readonly PickleGlobal Named(string module, string name)
    {
        var global = new PickleGlobal(module, name);
        return PickleGlobals.Allows(global)
            ? global
            : throw new InvalidModelException(
                $"{_file}: the pickle names {InvalidModelException.Quote(global.FullName)}, which a checkpoint of tensors does not contain. "
                    + "Nothing was called; the file is refused.");
    }

    private void StackGlobal()
    {
        object? name = Pop();
        _stack.Add(Pop() is string module && name is string text ? Named(module, text) : throw Damaged("a class in it has no name"));
    }

    private void Tuple(int count)
    {
        var items = new object?[count];
        for (int i = count - 1; i >= 0; i--)
        {
            items[i] = Pop();
        }

        _stack.Add(items);
    }

    private readonly void ListOf(object?[] items)
    {
        _stack.Add(new PickleList());
        Extend(items);
    }

    private readonly void DictionaryOf(object?[] items)
    {
        _stack.Add(new PickleDictionary());
        SetItems(items);
    }

    private readonly void Append(object? item) => Extend([item]);

    private readonly void Extend(object?[] items)
    {
        if (Peek() is PickleList list)
        {
            list.Items.AddRange(items);
        }
        else if (Peek() is not PickleOpaque)
        {
            throw Damaged("it appends to an object other than a list");
        }
    }

    private readonly void SetItems(object?[] items)
    {
        if (items.Length % 2 != 0 || Peek() is not (PickleDictionary or PickleOpaque))
        {
            throw Damaged("it sets items of an object other than a dictionary");
        }

        for (int i = 0; i < items.Length && Peek() is PickleDictionary dictionary; i += 2)
        {
            if (items[i] is string key)
            {
                dictionary.Items[key] = items[i + 1];
            }
        }
    }

    private void Persistent(object? id)
    {
        bool known = id is object?[] { Length: 5 or 6 } parts && parts[0] is "storage" && parts[1] is PickleGlobal && parts[2] is string && parts[4] is long;
        if (!known)
        {
            throw Damaged("it refers to an external object other than a storage");
        }

        var storage = (object?[])id!;
        string type = PickleGlobals.StorageType((PickleGlobal)storage[1]!)
            ?? throw Damaged($"{InvalidModelException.Quote(((PickleGlobal)storage[1]!).FullName)} is not a storage class");
        _stack.Add(new PickleStorage(type, (string)storage[2]!, (long)storage[4]!));
    }

    private readonly object Made(object? what, object? arguments)
    {
        object?[] items = arguments as object?[] ?? throw Damaged("a class in it has no arguments");
        return what switch
        {
            PickleOpaque opaque => opaque,
            PickleGlobal global when PickleGlobals.IsDictionary(global) => items is [] or [PickleGlobal]
                ? new PickleDictionary()
                : throw Damaged($"{global.FullName} has arguments"),
            PickleGlobal { FullName: "torch.Size" } => items is [object?[] sizes] ? sizes : throw Damaged("torch.Size has no sizes"),
            PickleGlobal global when PickleGlobals.IsTensorFunction(global) => TensorOf(items),
            PickleGlobal global when PickleGlobals.IsParameterFunction(global) =>
                items is [PickleTensor tensor, ..] ? tensor : throw Damaged("a parameter in it is not a tensor"),
            PickleGlobal global when PickleGlobals.StorageType(global) is null => new PickleOpaque(global.FullName),
            _ => throw Damaged("it calls an object other than a class"),
        };
    }

    private readonly PickleTensor TensorOf(object?[] items) =>
        items is [PickleStorage storage, long offset, object?[] { Length: <= MaxDimensions } shape, object?[] { Length: <= MaxDimensions } strides, ..]
            && shape.All(size => size is long) && strides.All(step => step is long)
            ? new PickleTensor(storage, offset, [.. shape.Cast<long>()], [.. strides.Cast<long>()])
            : throw Damaged("a tensor in it is not described by a storage, an offset, sizes and strides");

    // State of dictionaries (the versions of their modules) and of tensors (their attributes) is not needed.
    private readonly void Build(object? state)
    {
        _ = state;
        if (Peek() is not (PickleDictionary or PickleOpaque or PickleTensor))
        {
            throw Damaged("it sets the state of an object that has none");
        }
    }

    private readonly InvalidModelException Damaged(string what) => new($"{_file}: the pickle cannot be read: {what}.");
}
