using System.Text;

namespace InverseSolver.Torch;

/// <summary>
/// Any ATen operator, by the name and overload of its schema, for example <c>new Op("aten::add", "Tensor")</c>. Arguments stand in the
/// schema's order; trailing ones that are left out take its defaults. Found at its first call.
/// </summary>
public sealed class Op(string name, string overload = "")
{
    private nint _handle;

    /// <summary>Whether this libtorch has the operator.</summary>
    public bool Exists => _handle != 0 || TryFind() == Native.Status.Ok;

    /// <summary>The operator's schema in PyTorch's notation.</summary>
    public unsafe string Schema
    {
        get
        {
            nint handle = Found();
            return Native.Text((buffer, capacity) => Native.inv_op_schema(handle, buffer, capacity));
        }
    }

    /// <summary>Calls an operator that gives one tensor.</summary>
    /// <exception cref="NativeException">Wrong arguments, in PyTorch's words, or a failure while it ran.</exception>
    public unsafe Tensor Call(params ReadOnlySpan<Arg> args)
    {
        Native.Value result = default;
        Invoke(args, &result, 1);
        return result.Kind == Native.Kind.Tensor ? new Tensor(result.Pointer) : throw Unexpected("a tensor", &result, 1);
    }

    /// <summary>Calls an operator that gives <paramref name="count"/> tensors.</summary>
    public unsafe Tensor[] CallMany(int count, params ReadOnlySpan<Arg> args)
    {
        Native.Value* results = stackalloc Native.Value[count];
        Invoke(args, results, count);
        for (int i = 0; i < count; i++)
        {
            if (results[i].Kind != Native.Kind.Tensor)
            {
                throw Unexpected($"{count} tensors", results, count);
            }
        }

        var tensors = new Tensor[count];
        for (int i = 0; i < count; i++)
        {
            tensors[i] = new Tensor(results[i].Pointer);
        }

        return tensors;
    }

    /// <summary>Calls an operator that gives a list of tensors.</summary>
    public unsafe Tensor[] CallList(params ReadOnlySpan<Arg> args)
    {
        Native.Value result = default;
        Invoke(args, &result, 1);
        if (result.Kind != Native.Kind.TensorList)
        {
            throw Unexpected("a list of tensors", &result, 1);
        }

        var tensors = new Tensor[result.Count];
        for (int i = 0; i < tensors.Length; i++)
        {
            tensors[i] = new Tensor(((nint*)result.Pointer)[i]);
        }

        Native.inv_array_free(result.Pointer);
        return tensors;
    }

    /// <summary>Calls an operator that gives one number or truth value.</summary>
    public unsafe double CallNumber(params ReadOnlySpan<Arg> args)
    {
        Native.Value result = default;
        Invoke(args, &result, 1);
        return result.Kind switch
        {
            Native.Kind.Double => result.Double,
            Native.Kind.Int or Native.Kind.Bool => result.Int,
            _ => throw Unexpected("a number", &result, 1),
        };
    }

    /// <summary>Calls an operator for its effect; its results are dropped.</summary>
    public unsafe void Invoke(params ReadOnlySpan<Arg> args) => Invoke(args, null, 0);

    private unsafe void Invoke(ReadOnlySpan<Arg> args, Native.Value* results, int maxResults) =>
        Lowered.Call(Found(), null, string.Empty, args, results, maxResults);

    private nint Found()
    {
        if (_handle == 0)
        {
            Native.Check(TryFind());
        }

        return _handle;
    }

    private unsafe Native.Status TryFind()
    {
        fixed (byte* n = Encoding.UTF8.GetBytes(name + '\0'), o = Encoding.UTF8.GetBytes(overload + '\0'))
        {
            Native.Status status = Native.inv_op_find(n, o, out nint handle);
            _handle = handle;
            return status;
        }
    }

    private unsafe InvalidOperationException Unexpected(string wanted, Native.Value* results, int count)
    {
        for (int i = 0; i < count; i++)
        {
            Release(results[i]);
        }

        return new InvalidOperationException($"{name}.{overload} does not give {wanted}: {Schema}");
    }

    internal static unsafe void Release(in Native.Value value)
    {
        if (value.Kind == Native.Kind.Tensor)
        {
            Native.inv_tensor_free(value.Pointer);
        }
        else if (value.Kind == Native.Kind.TensorList)
        {
            for (long i = 0; i < value.Count; i++)
            {
                Native.inv_tensor_free(((nint*)value.Pointer)[i]);
            }
        }

        if (value.Kind is Native.Kind.TensorList or Native.Kind.IntList or Native.Kind.DoubleList)
        {
            Native.inv_array_free(value.Pointer);
        }
    }
}
