using System.Runtime.InteropServices;
using System.Text;
using Xunit;

namespace InverseSolver.UnitTests.Torch;

/// <summary>The C ABI itself, given what no binding would give it.</summary>
[LeavesNoTensors]
public sealed unsafe class RawAbiTests
{
    private static string Message => Marshal.PtrToStringUTF8((nint)Native.inv_last_error())!;

    private static nint Find(string name, string overload)
    {
        fixed (byte* n = Encoding.UTF8.GetBytes(name + '\0'), o = Encoding.UTF8.GetBytes(overload + '\0'))
        {
            Assert.Equal(Native.Status.Ok, Native.inv_op_find(n, o, out nint op));
            return op;
        }
    }

    private static nint NewTensor(params float[] values)
    {
        long size = values.Length;
        fixed (float* data = values)
        {
            Assert.Equal(Native.Status.Ok, Native.inv_tensor_from_host(data, size * 4, (int)ScalarType.Float32, &size, 1, out nint tensor));
            return tensor;
        }
    }

    private static Native.Value Of(nint tensor) => new() { Kind = Native.Kind.Tensor, Pointer = tensor };

    private static Native.Status Call(nint op, params Native.Value[] args)
    {
        Native.Value result;
        int count;
        fixed (Native.Value* p = args)
        {
            Native.Status status = Native.inv_op_call(op, p, args.Length, &result, 1, &count);
            if (status == Native.Status.Ok && result.Kind == Native.Kind.Tensor)
            {
                Native.inv_tensor_free(result.Pointer);
            }

            return status;
        }
    }

    [Fact]
    public void A_null_operator_is_an_error() => Assert.Equal(Native.Status.Invalid, Call(0));

    [Fact]
    public void A_null_operator_name_is_an_error()
    {
        Assert.Equal(Native.Status.Invalid, Native.inv_op_find(null, null, out _));
        Assert.Equal("name: null pointer", Message);
    }

    [Fact]
    public void An_unknown_operator_is_named()
    {
        var e = Assert.Throws<NativeUnsupportedException>(() => new Op("aten::no_such", "Tensor").Invoke());
        Assert.Contains("aten::no_such.Tensor", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_null_tensor_handle_is_an_error()
    {
        Assert.Equal(Native.Status.Invalid, Call(Find("aten::neg", ""), Of(0)));
        Assert.Equal("tensor argument: null handle", Message);
        Native.TensorInfo info;
        using var none = new TensorHandle();
        Assert.Equal(Native.Status.Invalid, Native.inv_tensor_info_get(none, &info));
        Assert.Equal(Native.Status.Invalid, Native.inv_tensor_to_host(none, null, 0));
        Native.inv_tensor_free(0);
    }

    [Fact]
    public void A_handle_of_another_kind_is_an_error()
    {
        Assert.Equal(Native.Status.Ok, Native.inv_generator_new(0, -1, 1, out GeneratorHandle generator));
        using (generator)
        {
            Assert.Equal(Native.Status.Invalid, Call(Find("aten::neg", ""), Of(generator.DangerousGetHandle())));
            Assert.Contains("not a handle of this kind", Message, StringComparison.Ordinal);
            nint tensor = NewTensor(1);
            Assert.Equal(Native.Status.Invalid, Call(Find("aten::neg", ""), new Native.Value { Kind = Native.Kind.Generator, Pointer = tensor }));
            Native.inv_generator_free(tensor);
            Native.inv_tensor_free(generator.DangerousGetHandle());
            Native.inv_tensor_free(tensor);
        }
    }

    [Theory]
    [InlineData(99)]
    [InlineData(-1)]
    [InlineData(int.MaxValue)]
    public void An_unknown_kind_of_argument_is_an_error(int kind)
    {
        Assert.Equal(Native.Status.Invalid, Call(Find("aten::neg", ""), new Native.Value { Kind = (Native.Kind)kind }));
        Assert.Contains("unknown kind", Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Native.Kind.IntList)]
    [InlineData(Native.Kind.DoubleList)]
    [InlineData(Native.Kind.BoolList)]
    [InlineData(Native.Kind.TensorList)]
    [InlineData(Native.Kind.OptionalTensorList)]
    [InlineData(Native.Kind.String)]
    internal void A_negative_length_or_a_null_list_is_an_error(Native.Kind kind)
    {
        Assert.Equal(Native.Status.Invalid, Call(Find("aten::zeros", ""), new Native.Value { Kind = kind, Count = -1 }));
        Assert.Contains("negative length", Message, StringComparison.Ordinal);
        if (kind != Native.Kind.String)
        {
            Assert.Equal(Native.Status.Invalid, Call(Find("aten::zeros", ""), new Native.Value { Kind = kind, Count = 3 }));
            Assert.Contains("null pointer", Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(65)]
    [InlineData(int.MinValue)]
    public void A_number_of_arguments_out_of_range_is_an_error(int count)
    {
        Native.Value value;
        int n;
        Assert.Equal(Native.Status.Invalid, Native.inv_op_call(Find("aten::neg", ""), &value, count, &value, 1, &n));
        Assert.Equal(Native.Status.Invalid, Native.inv_op_call(Find("aten::neg", ""), &value, 0, &value, count, &n));
        Assert.Equal(Native.Status.Invalid, Native.inv_op_call(Find("aten::neg", ""), null, 1, &value, 1, &n));
    }

    [Fact]
    public void Wrong_arity_fails_in_PyTorchs_words()
    {
        nint x = NewTensor(1, 2);
        Assert.Equal(Native.Status.Failed, Call(Find("aten::neg", "")));
        Assert.Contains("missing value for argument 'self'", Message, StringComparison.Ordinal);
        Assert.Equal(Native.Status.Failed, Call(Find("aten::neg", ""), Of(x), Of(x)));
        Assert.Contains("aten::neg(Tensor self)", Message, StringComparison.Ordinal);
        Native.inv_tensor_free(x);
    }

    [Fact]
    public void A_wrong_kind_fails_in_PyTorchs_words()
    {
        nint x = NewTensor(1, 2);
        Assert.Equal(Native.Status.Failed, Call(Find("aten::add", "Tensor"), Of(x), new Native.Value { Kind = Native.Kind.IntList }));
        Assert.Contains("Expected a value of type 'Tensor' for argument 'other'", Message, StringComparison.Ordinal);
        Assert.Equal(Native.Status.Failed, Call(Find("aten::neg", ""), new Native.Value { Kind = Native.Kind.None }));
        Assert.Contains("argument 'self'", Message, StringComparison.Ordinal);
        Native.inv_tensor_free(x);
    }

    [Theory]
    [InlineData(-1L, 1, 4L)]
    [InlineData(3L, 1, 4L)]
    [InlineData(1L, -1, 4L)]
    [InlineData(1L, 17, 4L)]
    [InlineData(long.MaxValue, 1, 4L)]
    [InlineData(1L << 61, 1, 8L)]
    public void A_shape_that_does_not_fit_its_bytes_is_an_error(long size, int dim, long bytes)
    {
        long* sizes = stackalloc long[17];
        new Span<long>(sizes, 17).Fill(size);
        double data = 0;
        Assert.Equal(Native.Status.Invalid, Native.inv_tensor_from_host(&data, bytes, (int)ScalarType.Float32, sizes, dim, out _));
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(1000)]
    public void An_unknown_dtype_is_an_error(int dtype)
    {
        long size = 1;
        double data = 0;
        Assert.Equal(Native.Status.Invalid, Native.inv_tensor_from_host(&data, 4, dtype, &size, 1, out _));
    }

    [Fact]
    public void Reading_with_a_wrong_length_is_an_error()
    {
        using TensorHandle x = TensorHandle.Owning(NewTensor(1, 2, 3));
        float* buffer = stackalloc float[4];
        Assert.Equal(Native.Status.Invalid, Native.inv_tensor_to_host(x, buffer, 16));
        Assert.Equal(Native.Status.Invalid, Native.inv_tensor_to_host(x, buffer, -12));
        Assert.Equal(Native.Status.Invalid, Native.inv_tensor_to_host(x, null, 12));
        Assert.Equal(Native.Status.Ok, Native.inv_tensor_to_host(x, buffer, 12));
        Assert.Equal(3, buffer[2]);
    }

    [Fact]
    public void Gradients_of_nothing_are_an_error()
    {
        Assert.Equal(Native.Status.Invalid, Native.inv_grad(null, null, 0, null, 0, 0, null));
        Assert.Equal(Native.Status.Invalid, Native.inv_grad(null, null, 1, null, 1, 0, null));
        Assert.Equal(Native.Status.Invalid, Native.inv_grad(null, null, -1, null, 1, 0, null));
    }

    [Fact]
    public void Devices_that_are_not_there_are_errors()
    {
        Assert.Equal(Native.Status.Invalid, Native.inv_generator_new(77, 0, 1, out _));
        Assert.NotEqual(Native.Status.Ok, Native.inv_generator_new(1, 99, 1, out _));
        Assert.NotEqual(Native.Status.Ok, Native.inv_module_load("/nowhere/at/all.pt", 0, -1, out _));
        Assert.Equal(Native.Status.Invalid, Native.inv_threads_set(0));
        Assert.Equal(Native.Status.Invalid, Native.inv_switch_set(77, 1));
        Assert.Equal(Native.Status.Invalid, Native.inv_op_schema(Find("aten::neg", ""), null, 0));
    }

    [Fact]
    public void Messages_belong_to_their_thread()
    {
        Assert.Equal(Native.Status.Invalid, Native.inv_threads_set(0));
        string mine = Message;
        var other = new Thread(() => Assert.Equal(Native.Status.Invalid, Native.inv_switch_set(77, 1)));
        other.Start();
        other.Join();
        Assert.Equal(mine, Message);
    }

    [Fact]
    public void Results_beyond_what_was_asked_for_are_dropped_and_counted()
    {
        long before = torch.live_tensors;
        nint x = NewTensor(3, 1, 2);
        Native.Value argument = Of(x);
        int count;
        Assert.Equal(Native.Status.Ok, Native.inv_op_call(Find("aten::sort", ""), &argument, 1, null, 0, &count));
        Assert.Equal(2, count);
        Assert.Equal(before + 1, torch.live_tensors);
        Native.inv_tensor_free(x);
    }
}
