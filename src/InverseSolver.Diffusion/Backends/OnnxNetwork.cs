namespace InverseSolver.Diffusion.Backends;

/// <summary>An ONNX graph, run by ONNX Runtime on the CPU or on a CUDA GPU; without gradients. Tensors pass through host memory.</summary>
internal sealed class OnnxNetwork : NetworkFile
{
    private readonly OnnxSession _session;
    private readonly OnnxValue[] _inputs;
    private readonly string _output;

    private OnnxNetwork(string name, Device device, OnnxFile file, OnnxSession session, InputRole[] roles)
        : base(name, device, roles)
    {
        _session = session;
        _inputs = [.. file.Inputs];
        _output = file.Outputs[0].Name;

        OneByOne = _inputs.Where((_, i) => roles[i] != InputRole.Timestep).Any(input => input.Shape is [1, ..]);
        OneTime = Find(InputRole.Timestep) is { Shape: [] or [1] };
    }

    internal override ScalarType Type => OnnxSession.TypeOf(Find(InputRole.Sample)!.ElementType) ?? ScalarType.Float32;

    /// <summary>Loads a file that was read and checked.</summary>
    /// <param name="package">The package's folder.</param>
    /// <param name="part">The network's folder in it.</param>
    /// <param name="file">The file as it was read.</param>
    /// <param name="device">The device to compute on.</param>
    /// <exception cref="InvalidModelException">
    /// ONNX Runtime has no provider for the device, or refuses the file; or its inputs are not those of a network.
    /// </exception>
    internal static OnnxNetwork Load(string package, string part, OnnxFile file, Device device)
    {
        string name = $"{part}/{OnnxFile.FileName}";
        InputRole[] roles = RolesOf(name, file);
        return new OnnxNetwork(name, device, file, OnnxSession.Open(Path.Combine(package, part, OnnxFile.FileName), name, device), roles);
    }

    /// <summary>Returns the role of each input; refuses element types without a conversion.</summary>
    internal static InputRole[] RolesOf(string name, OnnxFile file)
    {
        InputRole[] roles = InputRoles.Of(name, [.. file.Inputs.Select(input => (input.Name, input.Shape?.Length))]);
        foreach (OnnxValue value in file.Inputs.Append(file.Outputs[0]))
        {
            if (OnnxSession.TypeOf(value.ElementType) is null)
            {
                throw new InvalidModelException(
                    $"{name}: {InvalidModelException.Quote(value.Name)} has an element type ({value.ElementType}) other than "
                        + "float, float16, double, int32 and int64.");
            }

            if (value.Shape is [> 1, ..] && roles.Length > 0)
            {
                throw new InvalidModelException(
                    $"{name}: {InvalidModelException.Quote(value.Name)} is for batches of {value.Shape[0]} only; "
                        + "export it with an open batch, or with one item.");
            }
        }

        return roles;
    }

    internal override void Check((Tensor Sample, Tensor? T, Tensor? Context, Tensor? Labels) inputs, params long[][] shapes)
    {
        using (_session.Limited())
        {
            base.Check(inputs, shapes);
        }
    }

    public override void Dispose() => _session.Dispose();

    private protected override Tensor RunTogether(Tensor sample, Tensor? t, Tensor? context, Tensor? labels)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        var values = new Dictionary<string, (Tensor Value, int ElementType, long[] Shape)>(StringComparer.Ordinal);
        for (int i = 0; i < _inputs.Length; i++)
        {
            Tensor value = Roles[i] switch
            {
                InputRole.Timestep => OneTime ? t!.narrow(0, 0, 1) : t!,
                InputRole.Context => context!,
                InputRole.Labels => labels!,
                _ => sample,
            };
            values.Add(_inputs[i].Name, (value, _inputs[i].ElementType, _inputs[i].Shape is [] ? [] : value.shape));
        }

        return _session.Run(values, _output).to(Device).MoveToOuterDisposeScope();
    }

    private OnnxValue? Find(InputRole role) => Roles.ToList().IndexOf(role) is var i and >= 0 ? _inputs[i] : null;
}
