namespace InverseSolver.Reconstruction;

/// <summary>Between arrays in host memory and tensors of N items.</summary>
public static class ArrayTensors
{
    /// <summary>One item: (1, shape), float32 or complex float32.</summary>
    /// <param name="data">The array.</param>
    /// <param name="device">Where the tensor lies.</param>
    public static Tensor ToTensor(this ArrayData data, Device device)
    {
        using var scope = torch.NewDisposeScope();
        long[] shape = [1, .. data.Shape.Select(size => (long)size)];
        Tensor tensor = data.IsComplex
            ? torch.view_as_complex(torch.copy_of(data.Values, [.. shape, 2]))
            : torch.copy_of(data.Values, shape);
        return tensor.to(device).MoveToOuterDisposeScope();
    }

    /// <summary>One item of (N, …) in host memory.</summary>
    /// <param name="items">(N, …), real or complex.</param>
    /// <param name="item">Which one.</param>
    public static ArrayData ToArrayData(this Tensor items, long item = 0)
    {
        using var scope = torch.NewDisposeScope();
        Tensor one = items.detach().select(0, item);
        return new ArrayData([.. one.shape.Select(size => (int)size)], one.ToFloats(), one.dtype == ScalarType.ComplexFloat32);
    }
}
